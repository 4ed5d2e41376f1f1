"""Audit: what was sent to whom, across runs, months later, and what needs a person."""

from mmsbatch.audit.changes import Diff, diff
from mmsbatch.audit.history import history
from mmsbatch.audit.places import RunLeftOut
from mmsbatch.audit.sql import connect
from mmsbatch.audit.summary import audit

__all__ = ["Diff", "RunLeftOut", "audit", "connect", "diff", "history"]
