"""Prove a run from its folder alone."""

from mmsbatch.verify.verification import Check, Verification, verify

__all__ = ["Check", "Verification", "verify"]
