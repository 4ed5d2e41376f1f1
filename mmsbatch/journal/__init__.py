"""A run's journal: append-only facts, each durable when it is recorded, in a database.

Import ``Fact`` from ``facts``, ``Journal`` from ``journal``, the place of a run's journal from
``location``. Only this room knows which database it is. It imports gateway and the leaves.
"""
