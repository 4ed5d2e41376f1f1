"""What became of requests in doubt: evidence is looked for, and a person can settle it.

Import `reconcile`, `settle` and `Reconciliation` from the module here.
It may import runs, plans and the gateway, and what they rest on: nothing that sends.
"""
