"""The command line: parses, calls the verbs, prints. Exit codes 0, 2, 3 and 4 as in `report`.

Each module adds its commands to the application; --help lists them in the order of the imports.
"""

from __future__ import annotations

import mmsbatch.cli.preparing
import mmsbatch.cli.sending
import mmsbatch.cli.notebooks
import mmsbatch.cli.auditing
import mmsbatch.cli.proving
import mmsbatch.cli.gateway
from mmsbatch.cli.app import app

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line."""
    app()
