"""The sandbox's inbox for a browser: the last requests, their messages and numbers. Pure."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, StrictUndefined, Template

from mmsbatch.sandbox.ledger import Received

_SHOWN = 50
_NUMBERS_SHOWN = 6


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.from_string(
        Path(__file__).with_name("inbox.html").read_text(encoding="utf-8")
    )


def render(requests: tuple[Received, ...], credits_left: int, login: str) -> str:
    """Render the inbox, newest request first; every text escaped."""
    return _template().render(
        requests=requests[: -_SHOWN - 1 : -1],
        total=len(requests),
        delivered=sum(received.delivered for received in requests),
        credits=credits_left,
        login=login,
        numbers_shown=_NUMBERS_SHOWN,
    )
