"""A run is a folder: its plan, its facts, and what follows from both.

Import ``Run`` verbs from ``run``, ``RunFolder`` from ``folder``, ``fold`` from ``states``. This
room imports journal, planning, gateway, campaign and the leaves.
"""
