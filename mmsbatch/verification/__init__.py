"""Prove a run from its folder alone.

Import `verify`, `Verification` and `Check` from the module `verification` here.
It may import runs, plans and what they rest on: nothing that sends or writes to a run.
"""
