r"""What can go wrong with one request: what is processed × what is answered × how it ends. Pure.

A fault is written as words separated by commas, for example ``"process:50,http:504"``: the first
50 numbers are sent, and the answer is a proxy's error page. §1.1 announces exactly this: a long
request may be cut off while it sends.

===================  ==============================================================================
word                 meaning
===================  ==============================================================================
``process:all``      everything accepted is sent and charged (the default)
``process:none``     nothing is sent (the default of ``http``, ``page`` and ``status`` ≥ 102)
``process:N``        only the first N accepted numbers are sent and charged
``credits:N``        the account holds N credits when this request arrives
``with:OPTION``      an option of the sandbox is switched on for this request: ``with:naive_xml``
``status:N``         the answer says status N, known or not
``without:KEY``      the answer has no such line: ``without:IDs``
``lose-id:N``        the last N accepted numbers are missing from IDs
``reorder``          the lines come in reverse order
``newline:crlf``     lines end with CR LF; ``newline:br`` with ``<br>``; ``newline:nl2br`` with both
``blank-lines``      an empty line between two lines
``no-final-newline`` the last line is not ended
``wrapped-ids``      the value of IDs runs over several lines
``warning``          PHP prints a warning before the answer
``latin-1``          the answer is in Latin-1 and says no charset
``empty``            HTTP 200 without a body
``page``             HTTP 200 with a page that is not the gateway's
``http:N``           HTTP status N with a page; ``http:429:30`` adds ``Retry-After: 30``
``truncate:N``       the body stops after N bytes (-N: N bytes early), its Content-Length does not
``truncate:N:unsized``  the same without a Content-Length
``drip:MS``          the answer comes 16 bytes at a time, MS milliseconds apart
``delay:MS``         the answer comes MS milliseconds late
``stall``            the answer waits for ``Sandbox.release()``
``close:after``      the connection is closed after processing, without an answer
``close:before``     the connection is closed before the request is read
``reset:after``      as ``close``, with a TCP reset; ``reset:before``
===================  ==============================================================================
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from mmsbatch.errors import InputError, nearest
from mmsbatch.sandbox.checks import SWITCHES, SandboxOptions
from mmsbatch.sandbox.protocol import FIELDS, AnswerFields, status_text

EVERY: Final = 0
"""The key of a fault for every request that has none of its own; written ``*``."""


@dataclass(frozen=True)
class Page:
    """Somebody else's answer: not the gateway's text."""

    http_status: int = 200
    html: str = ""
    retry_after_s: int | None = None


@dataclass(frozen=True)
class Ending:
    """How the transport ends."""

    close: Literal["", "before", "after"] = ""
    reset: bool = False
    delay_ms: int = 0
    stall: bool = False
    drip_ms: int | None = None
    cut_bytes: int | None = None
    sized: bool = True


@dataclass(frozen=True)
class Fault:
    """One way a request goes wrong. Made by :meth:`parse`, or from its parts."""

    text: str = ""
    """The words, for logs."""
    processed: int | None = None
    """How many of the accepted numbers are sent and charged; None: all."""
    credits: int | None = None
    switched_on: frozenset[str] = frozenset()
    alterations: tuple[Callable[[AnswerFields], AnswerFields], ...] = ()
    page: Page | None = None
    ending: Ending = field(default_factory=Ending)

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Read a fault from words such as ``"process:50,http:504"`` (see the module's table).

        Raises
        ------
        InputError
            An unknown word, or an argument it does not take; names the word and the nearest one.
        """
        fault = cls(text=text)
        words = [word.strip() for word in text.split(",")]
        for word in words:
            name, *arguments = word.split(":")
            if name not in WORDS:
                raise InputError(
                    f"fault {text!r}: no word {name!r}.{nearest(name, WORDS)} "
                    f"Words are: {', '.join(WORDS)}."
                )
            pattern, example, act = WORDS[name]
            found = re.fullmatch(pattern, ":".join(arguments))
            if found is None:
                meant = nearest(":".join(arguments), _choices(pattern))
                raise InputError(f"fault {text!r}: write {word!r} like {example!r}.{meant}")
            fault = act(fault, *found.groups())
        if any(word.startswith("process") for word in words):
            return fault
        foreign = fault.page is not None and fault.page.html != ""
        said = fault.answer(AnswerFields((("Status", "100"),))).status
        refusal = said is not None and said not in (100, 101)
        return replace(fault, processed=0) if foreign or refusal else fault

    def answer(self, answer: AnswerFields) -> AnswerFields:
        """Disturb the gateway's answer."""
        for alter in self.alterations:
            answer = alter(answer)
        return answer

    def options(self, options: SandboxOptions) -> SandboxOptions:
        """Return the options that hold for this request."""
        if not self.switched_on:
            return options
        return options.model_copy(update=dict.fromkeys(self.switched_on, True))


def parse_faults(
    faults: Iterable[str] | Mapping[int, Fault | str],
) -> dict[int, Fault]:
    """Read faults by request number: ``["3=close:after", "*=delay:20"]`` or a mapping.

    Requests to the sending script are numbered from 1 as they arrive.

    Raises
    ------
    InputError
        A number that is not one, a request named twice, or an unknown word.
    """
    if isinstance(faults, Mapping):
        if wrong := [number for number in faults if number < EVERY]:
            raise InputError(f"fault for request {wrong[0]}: requests are numbered from 1")
        return {
            number: Fault.parse(fault) if isinstance(fault, str) else fault
            for number, fault in faults.items()
        }
    parsed: dict[int, Fault] = {}
    for text in faults:
        number, equals, words = text.partition("=")
        if not equals or not re.fullmatch(r"\*|[1-9][0-9]*", number):
            raise InputError(f"fault {text!r}: write it like '3=close:after' or '*=delay:20'")
        key = EVERY if number == "*" else int(number)
        if key in parsed:
            raise InputError(f"fault {text!r}: request {number} has a fault already; join with ','")
        parsed[key] = Fault.parse(words)
    return parsed


# ----- the answer's text ------------------------------------------------------------------------


def _alter(fault: Fault, alteration: Callable[[AnswerFields], AnswerFields]) -> Fault:
    return replace(fault, alterations=(*fault.alterations, alteration))


def _say(status: int) -> Callable[[AnswerFields], AnswerFields]:
    said = (("Status", str(status)), ("StatusText", status_text(status)))
    rest_from = 2 if status in (100, 101) else len(FIELDS)
    return lambda answer: replace(answer, fields=said + answer.fields[rest_from:])


def _map_ids(change: Callable[[str], str]) -> Callable[[AnswerFields], AnswerFields]:
    return lambda answer: replace(
        answer,
        fields=tuple(
            (key, change(value) if key == "IDs" else value) for key, value in answer.fields
        ),
    )


def _lose(count: int) -> Callable[[str], str]:
    end = "</CUSTOMER>"

    def change(value: str) -> str:
        customers = value.removesuffix("</RECOVERIDS>").removeprefix("<RECOVERIDS>").split(end)[:-1]
        kept = customers[: max(0, len(customers) - count)]
        return f"<RECOVERIDS>{''.join(customer + end for customer in kept)}</RECOVERIDS>"

    return change


_NEWLINES: Final = {"crlf": "\r\n", "br": "<br>", "nl2br": "<br />\n"}
_WARNING: Final = (
    "<br />\n<b>Warning</b>:  mysql_connect() [function.mysql-connect]: Too many connections in "
    "<b>/var/www/inc/db.php</b> on line <b>42</b><br />\n"
)
_PAGE: Final = (
    "<!DOCTYPE html><html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>\n"
)
_REASONS: Final = {
    200: "Welcome to this network",
    301: "Moved Permanently",
    413: "Request Entity Too Large",
    429: "Too Many Requests",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Time-out",
}


def _page(fault: Fault, status: str = "200", retry_after: str | None = None) -> Fault:
    html = _PAGE.format(_REASONS.get(int(status), f"HTTP {status}"))
    seconds = None if retry_after is None else int(retry_after)
    return replace(fault, page=Page(int(status), html, seconds))


def _ends(fault: Fault, **changes: object) -> Fault:
    return replace(fault, ending=replace(fault.ending, **changes))  # type: ignore[arg-type]  # fields


# ----- the words --------------------------------------------------------------------------------

_N: Final = "([0-9]{1,9})"
_Word = tuple[str, str, Callable[..., Fault]]


def _choice(options: Iterable[str]) -> str:
    return f"({'|'.join(map(re.escape, options))})"


def _choices(pattern: str) -> list[str]:
    return pattern.strip("()").replace("\\", "").split("|")


WORDS: Final[dict[str, _Word]] = {
    "process": (
        "(all|none|[0-9]{1,9})",
        "process:50",
        lambda f, n: replace(f, processed=None if n == "all" else int(n.replace("none", "0"))),
    ),
    "credits": (_N, "credits:0", lambda f, n: replace(f, credits=int(n))),
    "with": (
        _choice(SWITCHES),
        "with:naive_xml",
        lambda f, name: replace(f, switched_on=f.switched_on | {name}),
    ),
    "status": ("([0-9]{1,4})", "status:150", lambda f, n: _alter(f, _say(int(n)))),
    "without": (
        _choice(FIELDS),
        "without:IDs",
        lambda f, gone: _alter(
            f, lambda a: replace(a, fields=tuple(pair for pair in a.fields if pair[0] != gone))
        ),
    ),
    "lose-id": (_N, "lose-id:1", lambda f, n: _alter(f, _map_ids(_lose(int(n))))),
    "reorder": (
        "",
        "reorder",
        lambda f: _alter(f, lambda a: replace(a, fields=a.fields[::-1])),
    ),
    "newline": (
        _choice(_NEWLINES),
        "newline:crlf",
        lambda f, name: _alter(f, lambda a: replace(a, newline=_NEWLINES[name])),
    ),
    "blank-lines": (
        "",
        "blank-lines",
        lambda f: _alter(f, lambda a: replace(a, blank_lines=True)),
    ),
    "no-final-newline": (
        "",
        "no-final-newline",
        lambda f: _alter(f, lambda a: replace(a, final_newline=False)),
    ),
    "wrapped-ids": (
        "",
        "wrapped-ids",
        lambda f: _alter(f, _map_ids(lambda ids: ids.replace("<CUSTOMER>", " <CUSTOMER>\n"))),
    ),
    "warning": ("", "warning", lambda f: _alter(f, lambda a: replace(a, preamble=_WARNING))),
    "latin-1": ("", "latin-1", lambda f: _alter(f, lambda a: replace(a, charset="latin-1"))),
    "empty": ("", "empty", lambda f: replace(f, page=Page())),
    "page": ("", "page", _page),
    "http": (f"([1-5][0-9][0-9])(?::{_N})?", "http:429:30", _page),
    "truncate": (
        "(-?[0-9]{1,9})(:unsized)?",
        "truncate:80:unsized",
        lambda f, n, unsized: _ends(f, cut_bytes=int(n), sized=not unsized),
    ),
    "drip": (_N, "drip:5", lambda f, ms: _ends(f, drip_ms=int(ms))),
    "delay": (_N, "delay:500", lambda f, ms: _ends(f, delay_ms=int(ms))),
    "stall": ("", "stall", lambda f: _ends(f, stall=True)),
    "close": ("(before|after)", "close:after", lambda f, when: _ends(f, close=when)),
    "reset": ("(before|after)", "reset:after", lambda f, when: _ends(f, close=when, reset=True)),
}
"""Word → the pattern of its argument, an example, what it changes."""
