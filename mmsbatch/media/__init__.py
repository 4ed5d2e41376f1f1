"""The files that messages carry: fetched as the gateway will, and held against its rules."""
