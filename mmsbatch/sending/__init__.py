"""Sending a plan: what it would cost, and the way of each request to its answer.

Import `estimate` from the module here.
It may import plans, runs and the gateway, and what they rest on: no reconciliation, no audit.
"""
