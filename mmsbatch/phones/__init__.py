"""Phone columns read as French mobile numbers. Pure (§1.4).

Import ``read_phones`` from ``column``, ``Phones`` from ``reading``, the words of problems and
repairs from ``problems``, numbers inside a text from ``in_text``. This room imports
the leaves only.
"""
