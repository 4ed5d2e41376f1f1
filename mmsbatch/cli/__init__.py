"""The command line: parses, calls the verbs, prints. Exit codes 0, 2, 3 and 4 as in `report`."""

from mmsbatch.cli.app import app, main

__all__ = ["app", "main"]
