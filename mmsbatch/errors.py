"""The errors, one tree: the type says whether anything was sent.

::

    MmsbatchError
    ├── InputError            nothing was sent: something given cannot be used    exit code 2
    │   ├── ContactsError     a file, sheet, line or column of the contacts
    │   ├── CampaignError     a field of the campaign
    │   ├── PlanError         a plan that cannot be made or sent
    │   ├── AccountError      a missing or unusable credential or address
    │   └── RunError          a run folder that cannot be used
    ├── NotSent               this request has certainly not been sent
    │   └── RunStopped        a run ended early; what is left has not been sent       exit code 4
    ├── InDoubt               this request may have been sent, in whole or in part
    │   └── RunInDoubt        a run ended with rows nobody can vouch for              exit code 3
    └── UnreadableAnswer      bytes that are not an answer of the gateway

A message says what happened and what to do next. Rows never fail as exceptions: they fail as
data, in ``mms_problem`` and ``mms_outcome``.
"""

from __future__ import annotations

import traceback
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class _Short:
    """An error that a notebook shows as its message; ``%tb`` shows where it came from."""

    _shown = False

    def _render_traceback_(self) -> list[str]:
        """Be shown by IPython, which asks again for ``%tb``."""
        assert isinstance(self, BaseException)  # noqa: S101  (it is mixed into nothing else)
        if self._shown:
            return traceback.format_exception(self)
        self._shown = True
        return [f"{type(self).__name__}: {self}", "(%tb shows where it came from)"]


class MmsbatchError(_Short, Exception):
    """The base of every error of this package."""


class InputError(MmsbatchError):
    """Something given cannot be used. Nothing was sent."""


class ContactsError(InputError):
    """A contacts file or frame cannot be used; names the file, sheet, line or column."""


class CampaignError(InputError):
    """A campaign breaks a rule; names the field, the limit, what was found and the section."""


class PlanError(InputError):
    """A plan cannot be made, or must not be sent as it is."""


class AccountError(InputError):
    """A credential is missing, or the gateway's address cannot be used."""


class RunError(InputError):
    """A run folder cannot be used: it belongs to another plan, is damaged or not writable."""


class NotSent(MmsbatchError):  # noqa: N818  (the name answers the question; "Error" would not)
    """The request has certainly not been sent: no byte of it was taken."""


class InDoubt(MmsbatchError):  # noqa: N818
    """The request may have been sent, in whole or in part. Never send it again unasked."""


class RunStopped(NotSent):
    """The run ended before its end. No row is in doubt; what is left can be sent by resuming."""


class RunInDoubt(InDoubt):
    """The run ended with rows that may or may not have been sent."""


class BrokenOff(_Short, KeyboardInterrupt):
    """A second Ctrl-C broke a send off; says what is in doubt, if anything, and how to go on."""

    def __init__(self, message: str, *, in_doubt: bool) -> None:
        super().__init__(message)
        self.in_doubt = in_doubt


class UnreadableAnswer(MmsbatchError):  # noqa: N818
    """The bytes are not an answer of the gateway, so they claim nothing."""


def nearest(word: str, known: Iterable[str]) -> str:
    """Return which known word a mistyped one is nearest to, for the end of an error message.

    Returns
    -------
    str
        ``" Did you mean 'mobile'?"`` or ``""``.
    """
    options = [str(option) for option in known]
    folded = {option.casefold(): option for option in options}
    found = get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)
    return f" Did you mean {folded[found[0]]!r}?" if found else ""


_SHOWN = 60
"""Characters of a value that an error shows."""


class BrokenRules(ValueError):  # noqa: N818  (not an error of this package: pydantic catches it)
    """The rules that one value breaks, each without the field's name.

    A ValueError, so that pydantic goes on to the next field; it never leaves this package.
    """

    def __init__(self, *rules: str) -> None:
        self.rules = rules
        super().__init__(" ".join(self.rules))


def kind_of(value: object) -> str:
    """Name the type of a value with its package: ``polars.DataFrame``, ``str``."""
    kind = type(value)
    package = kind.__module__.partition(".")[0]
    return kind.__name__ if package == "builtins" else f"{package}.{kind.__name__}"


def shown(value: object) -> str:
    """Show a value and its type on one line, shortened."""
    text = repr(value)
    if len(text) > _SHOWN:
        text = text[:_SHOWN] + "…"
    return f"{text} ({type(value).__name__})"
