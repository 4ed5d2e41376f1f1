"""From contacts to requests: what may be sent to whom, and in which request. Pure.

Import ``prepare``, ``plan``, ``preview`` and ``read_suppression_list`` from the modules of these
names. This room imports phones, contacts, campaign and the leaves.
"""
