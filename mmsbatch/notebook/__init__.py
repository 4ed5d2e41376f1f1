"""Run a notebook with checked parameters, and keep the executed copy with its run."""

from mmsbatch.notebook.running import Executed, execute, find, shipped

__all__ = ["Executed", "execute", "find", "shipped"]
