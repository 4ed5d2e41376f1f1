"""Contacts as text, nothing lost: CSV, Excel and Parquet, in files, folders, archives and URLs.

Every reader gives the same promises:

- every value is text, as it stands in the file; leading zeros are kept;
- empty is missing, and only empty: ``NA``, ``null`` and ``n/a`` are text like any other;
- rows keep their order; the index counts them from 0;
- what cannot be read without guessing is a :class:`~mmsbatch.errors.ContactsError` that names the
  file and the line, column or sheet, and says what to do.

Import ``read_contacts``, ``contact_batches`` and ``rows_hint`` from ``reading``. This room imports
the leaves only.
"""
