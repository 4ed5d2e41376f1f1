"""Erase a person from runs, and know them again under a keyed hash."""

from mmsbatch.forget.erasing import Forgetting, forget, is_forgotten

__all__ = ["Forgetting", "forget", "is_forgotten"]
