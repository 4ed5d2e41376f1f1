"""What an object shows, as data: written once, laid out for a terminal and for a notebook. Pure.

In HTML everything is escaped, because cells of a CRM are in it; colours are the reader's own (no
background, lines in the text's colour), so that a dark theme stays readable; nothing is loaded.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

import pandas as pd

LABEL_WIDTH: Final = 11
_NUMBER_WIDTH: Final = 9
_STYLE: Final = (
    "<style>"
    ".mmsbatch table{margin:0;border-collapse:collapse}"
    ".mmsbatch th,.mmsbatch td{text-align:left!important;vertical-align:top!important;"
    "padding:.1em .7em .1em 0!important}"
    ".mmsbatch>table>tbody>tr>th{min-width:6em}"
    ".mmsbatch-phone{border:1px solid currentColor;border-radius:1em;padding:.7em 1em;"
    "max-width:20em;margin:.3em 0;white-space:pre-wrap;overflow-wrap:anywhere}"
    "</style>"
)
_NUMBER: Final = ' style="text-align:right!important"'


@dataclass(frozen=True)
class Table:
    """Rows of cells, all text; the first column holds numbers.

    ``head`` names the columns and stands in HTML only: in a terminal the label beside a table does.
    """

    rows: tuple[tuple[str, ...], ...]
    head: tuple[str, ...] = ()
    below: int | None = None
    """A column that a terminal shows under the last one, after ``e.g.``, if it is not empty."""


@dataclass(frozen=True)
class Box:
    """Text as a phone would show it: framed, its line breaks kept."""

    lines: tuple[str, ...]


@dataclass(frozen=True)
class Block:
    """A label, and what stands beside it."""

    label: str
    beside: tuple[str | Table | Box, ...]

    def filled(self) -> tuple[str | Table | Box, ...]:
        """Return what stands beside the label, and say so if it is nothing."""
        some = (part for part in self.beside if not isinstance(part, Table) or part.rows)
        return tuple(some) or ("none",)


Part = Block | Table | str | pd.DataFrame


@dataclass(frozen=True, repr=False, eq=False)
class Document:
    """Blocks, tables, lines and frames, one under the other; an empty line is a gap."""

    parts: tuple[Part, ...]

    def text(self) -> str:
        """Lay it out for a terminal."""
        return "\n".join(line for part in self.parts for line in _part_lines(part))

    def html(self) -> str:
        """Lay it out for a notebook."""
        return f'<div class="mmsbatch">{_STYLE}{"".join(_parts_html(self.parts))}</div>'

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return self.html()


def page(title: str, document: Document) -> str:
    """Lay a document out as a page of its own, which loads nothing and runs nothing.

    It follows the reader's light or dark scheme, and fits a phone.
    """
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        f"<title>{html.escape(title)}</title><style>"
        ":root{color-scheme:light dark}"
        "body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
        "td{overflow-wrap:anywhere}td td:not(:last-child){overflow-wrap:normal;white-space:nowrap}"
        "@media(max-width:40em){th,td{display:block}td td{display:inline-block}"
        "td td:last-child{display:block}}</style></head><body><main>"
        f"<h1>{html.escape(title)}</h1>{document.html()}</main></body></html>\n"
    )


class ShowsItself:
    """Shows itself in a terminal and in a notebook, both from one document."""

    __slots__ = ()

    def document(self) -> Document:
        """Show what there is to show."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return self.document().text()

    def _repr_html_(self) -> str:
        return self.document().html()


# ----- in a terminal -----------------------------------------------------------------------------


def labelled(label: str, first: str, *more: str) -> str:
    """Lay a block out: its label, and its lines beside it."""
    lines = [f"{label:<{LABEL_WIDTH}}{first}"]
    lines += [f"{'':<{LABEL_WIDTH}}{line}" for line in more]
    return "\n".join(lines)


def _part_lines(part: Part) -> Iterator[str]:
    if isinstance(part, Block):
        yield labelled(part.label, *(line for one in part.filled() for line in _lines(one)))
    elif isinstance(part, Table):
        yield from (f"  {line}" for line in _lines(part))
    else:
        yield part if isinstance(part, str) else repr(part)


def _lines(part: str | Table | Box) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    elif isinstance(part, Box):
        yield from (f"│ {line}".rstrip() for line in part.lines)
    else:
        yield from _table_lines(part)


def _table_lines(table: Table) -> Iterator[str]:
    beside = [place for place in range(_width(table)) if place != table.below]
    widths = [max((len(row[place]) for row in table.rows), default=0) for place in beside]
    for row in table.rows:
        first, *rest = (row[place] for place in beside)
        number = f"{first:>{max(_NUMBER_WIDTH, widths[0])}}"
        padded = (f"{cell:<{width}}" for cell, width in zip(rest, widths[1:], strict=True))
        yield "  ".join((number, *padded)).rstrip()
        if table.below is not None and row[table.below]:
            indent = max(_NUMBER_WIDTH, widths[0]) + sum(width + 2 for width in widths[1:-1]) + 2
            yield f"{'':<{indent}}e.g. {row[table.below]}"


def _width(table: Table) -> int:
    return max((len(row) for row in table.rows), default=0)


# ----- in a notebook -----------------------------------------------------------------------------


def _parts_html(parts: tuple[Part, ...]) -> Iterator[str]:
    """Blocks that follow each other become one table, so that what is beside them lines up."""
    rows: list[str] = []
    for part in (*parts, ""):
        if isinstance(part, Block):
            beside = "".join(map(_beside_html, part.filled()))
            rows.append(f'<tr><th scope="row">{html.escape(part.label)}</th><td>{beside}</td></tr>')
            continue
        if rows:
            yield f"<table><tbody>{''.join(rows)}</tbody></table>"
            rows = []
        if isinstance(part, Table):
            yield _table_html(part)
        elif isinstance(part, pd.DataFrame):
            table = part.to_html(notebook=True, max_cols=20, border=0)
            yield f'<div style="overflow-x:auto">{table}</div>'
        elif part:
            yield f"<p>{html.escape(part)}</p>"


def _beside_html(part: str | Table | Box) -> str:
    if isinstance(part, str):
        return f"<div>{html.escape(part)}</div>"
    if isinstance(part, Box):
        text = html.escape("\n".join(part.lines))
        return f'<div class="mmsbatch-phone">{text}</div>'
    return _table_html(part)


def _table_html(table: Table) -> str:
    names = "".join(f"<th>{html.escape(name)}</th>" for name in table.head)
    head = f"<thead><tr>{names}</tr></thead>" if names else ""
    rows = "".join(
        "<tr>"
        + "".join(
            f"<td{'' if place else _NUMBER}>{html.escape(cell)}</td>"
            for place, cell in enumerate(row)
        )
        + "</tr>"
        for row in table.rows
    )
    return f"<table>{head}<tbody>{rows}</tbody></table>"


def amount(value: Decimal | int | None) -> str:
    """Write a number with thousands apart; a question mark if it is not known."""
    return "?" if value is None else f"{value:,}"


def plural(count: int, word: str) -> str:
    """Write a count and its word: ``1 row``, ``1,500 rows``."""
    return f"{count:,} {word}" + ("" if count == 1 else "s")


def counts(rows_by_word: Mapping[str, int], meanings: Mapping[str, str]) -> Table:
    """Lay rows by word out, most first."""
    most_first = sorted(rows_by_word.items(), key=lambda item: -item[1])
    return Table(tuple((f"{count:,}", word, meanings.get(word, "")) for word, count in most_first))


def joined(documents: Iterable[Document]) -> Document:
    """Put documents one under the other."""
    return Document(tuple(part for document in documents for part in document.parts))


def plain(amount: Decimal | None) -> int | float | None:
    """Return an amount of credits as a plain number, whole if it is whole."""
    if amount is None:
        return None
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def plain_fraction(amount: Fraction | None) -> int | float | None:
    """Return an exact amount as a plain number, whole if it is whole."""
    if amount is None:
        return None
    return int(amount) if amount.denominator == 1 else float(amount)
