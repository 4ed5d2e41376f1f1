"""A run is sent: claim, post, record, decide.

Import ``send`` and ``resume`` from ``send``, ``estimate`` from ``estimate``. This room imports
runs, gateway, planning, campaign and the leaves.
"""
