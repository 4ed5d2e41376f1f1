"""Requests in doubt: what the account's credits show of them, and how a person settles them.

Import ``reconcile`` and ``settle`` from ``reconcile``. This room imports runs, gateway
and what they import; it never sends.
"""
