"""Contacts as text, nothing lost: CSV, Excel and Parquet, in files, folders, archives and URLs.

Every reader gives the same promises:

- every value is text, as it stands in the file; leading zeros are kept;
- empty is missing, and only empty: ``NA``, ``null`` and ``n/a`` are text like any other;
- rows keep their order; the index counts them from 0;
- what cannot be read without guessing is a :class:`~mmsbatch.errors.ContactsError` that names the
  file and the line, column or sheet, and says what to do.

One idea a file: ``sources`` (where the bytes are), ``formats`` (what they really are),
``encodings``, ``quotes`` and ``dialects`` (text), ``delimited``, ``spreadsheets``, ``parquets``
(the three readers), ``headers`` (column names), ``texts`` (typed values as text), ``reading`` (the
verbs).
"""

from mmsbatch.contacts.reading import contact_batches, read_contacts, rows_hint

__all__ = ["contact_batches", "read_contacts", "rows_hint"]
