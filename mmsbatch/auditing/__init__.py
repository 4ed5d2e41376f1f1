"""Many runs looked at together: audit, history, diff, SQL over their files.

Import ``audit`` from ``overview``, ``connect`` from ``sql``, ``history`` and ``diff`` from the
modules of these names. This room imports runs, planning, phones and the leaves; it never sends.
"""
