"""Erase a person from runs, and know them again under a keyed hash."""

from mmsbatch.forget.erasing import Forgetting, forget

__all__ = ["Forgetting", "forget"]
