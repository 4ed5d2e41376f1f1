"""A notebook run with checked parameters, its executed copy kept with its run.

Import ``execute``, ``find`` and ``shipped`` from ``run``. This room imports runs and the leaves.
"""
