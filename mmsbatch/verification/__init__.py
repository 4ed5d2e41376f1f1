"""A run's files held against each other, believing nothing in the folder.

Import ``verify`` and ``Verification`` from ``verify``. This room imports runs, planning, gateway
and the leaves; it reads journal and answers by paths of its own, and never sends.
"""
