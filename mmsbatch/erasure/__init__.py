"""A person erased from all runs, and who has been kept too long.

Import ``forget`` and ``Forgetting`` from ``erase``, ``retention`` from ``retention``. This room
imports verification, runs, planning, phones and the leaves; it never sends.
"""
