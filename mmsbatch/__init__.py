"""Dataframe in, dataframe out: French mobile numbers checked, MMS sent, every outcome proved."""
