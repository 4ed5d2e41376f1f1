"""Audit: what was sent to whom, across runs, months later."""

from mmsbatch.audit.summary import audit

__all__ = ["audit"]
