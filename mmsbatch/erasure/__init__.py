"""Erase people from runs, and say which runs hold people for too long.

Import `forget`, `Forgetting` and `retention` from the modules here.
It may import runs, plans and what they rest on: nothing that sends, reconciles or audits.
"""
