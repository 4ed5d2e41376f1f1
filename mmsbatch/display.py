"""What an object shows, as data: written once, laid out for a terminal and for a notebook. Pure.

As text nothing is broken (a pipe, a log, Python's prompt) unless a width is given (a terminal). In
HTML everything is escaped, because cells of a CRM are in it; colours are the reader's own (no
background, lines in the text's colour), so that a dark theme stays readable; nothing is loaded.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TextIO, TypeAlias

if TYPE_CHECKING:
    import pandas as pd

Tone = Literal["", "good", "look", "bad", "label", "soft"]
"""How a piece of text is meant; a terminal with colours shows it, and no meaning is in it alone."""

_LABEL_WIDTH: Final = 11
_NARROW: Final = 60
"""Of a terminal in which labels stand above, not beside."""
_LEAST: Final = 24
"""Of the last column of a table; where there is less room, it stands below the others."""
_STYLE: Final = (
    "<style>"
    ".mmsbatch dl{display:grid;grid-template-columns:minmax(6em,max-content) 1fr;gap:.2em 1em;"
    "margin:.3em 0}"
    ".mmsbatch dt{font-weight:bold;margin:0}.mmsbatch dd{margin:0;min-width:0}"
    ".mmsbatch table{margin:0!important;border-collapse:collapse;font-size:inherit!important}"
    ".mmsbatch>table,.mmsbatch>div{margin:.7em 0!important}.mmsbatch>div td{white-space:nowrap}"
    ".mmsbatch tr{background:none!important}"
    ".mmsbatch th,.mmsbatch td{text-align:left!important;vertical-align:top!important;"
    "padding:.1em .9em .1em 0!important}"
    ".mmsbatch .number{text-align:right!important}"
    ".mmsbatch .look,.mmsbatch .bad{font-weight:bold}"
    ".mmsbatch code{overflow-wrap:anywhere}"
    ".mmsbatch-phone{border:1px solid currentColor;border-radius:1em;padding:.7em 1em;"
    "max-width:20em;margin:.3em 0;white-space:pre-wrap;overflow-wrap:anywhere}"
    "</style>"
)


class Line(str):
    """A text that is to be pasted: a command or a path, never broken."""

    __slots__ = ()


@dataclass(frozen=True)
class Table:
    """Rows of cells, all text."""

    rows: tuple[tuple[str, ...], ...]
    head: tuple[str, ...] = ()
    """Names of the columns; as text they stand above only if `headed`."""
    headed: bool = False
    numbers: tuple[int, ...] = (0,)
    """Columns that hold numbers."""
    below: int | None = None
    """A column that stands under the last one as text, after ``e.g.``, if it is not empty."""
    tones: tuple[Tone, ...] = ()
    """Of each row's first cell that holds no number."""


@dataclass(frozen=True)
class Box:
    """Text as a phone would show it: framed, its line breaks kept."""

    lines: tuple[str, ...]


@dataclass(frozen=True)
class Block:
    """A label, and what stands beside it."""

    label: str
    beside: tuple[str | Table | Box, ...]
    tone: Tone = "label"
    """Of the label."""

    def filled(self) -> tuple[str | Table | Box, ...]:
        """Return what stands beside the label, and say so if it is nothing."""
        some = (part for part in self.beside if not isinstance(part, Table) or part.rows)
        return tuple(some) or ("none",)


Part: TypeAlias = "Block | Table | str | pd.DataFrame"


class Piece(NamedTuple):
    """A part of a line, and how it is meant."""

    text: str
    tone: Tone = ""


@dataclass(frozen=True, repr=False, eq=False)
class Document:
    """Blocks, tables, lines and frames, one under the other; an empty line is a gap."""

    parts: tuple[Part, ...]

    def lines(self, width: int | None = None) -> Iterator[list[Piece]]:
        """Lay it out as lines, broken between words if they are longer than `width`."""
        for part in self.parts:
            yield from _part_lines(part, width)

    def text(self) -> str:
        """Lay it out as text whose lines are not broken."""
        return "\n".join("".join(piece.text for piece in line) for line in self.lines())

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
        "dd,td{overflow-wrap:anywhere}td:not(:last-child),th{overflow-wrap:normal;white-space:nowrap}"
        "@media(max-width:40em){main .mmsbatch dl{display:block}main .mmsbatch dd{margin:0 0 .6em}"
        "th,td{white-space:normal!important}table:not(:has(thead)) td{display:inline-block}"
        "table:not(:has(thead)) td:last-child:not(:first-child){display:block}}"
        "</style></head><body><main>"
        f"<h1>{html.escape(title)}</h1>{document.html()}</main></body></html>\n"
    )


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether somebody reads a stream as it is written."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


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


# ----- as lines ----------------------------------------------------------------------------------

_WORD: Final = re.compile(r"(?:`[^`]*`|[^\s`]|`(?![^`]*`))+")
"""What is never broken: a word, or a command in backticks with what touches it."""
_GAP: Final = "  "


def wrapped(text: str, width: int | None) -> list[str]:
    """Break a text between words, and never within a command in backticks."""
    if width is None or len(text) <= width or isinstance(text, Line):
        return [text]
    indent = text[: len(text) - len(text.lstrip())]
    lines = [""]
    for word in _WORD.findall(text):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] else f"{indent}{word}"
    return lines


def _part_lines(part: Part, width: int | None) -> Iterator[list[Piece]]:
    if isinstance(part, Block):
        yield from _block_lines(part, width)
    elif isinstance(part, Table):
        for line in _table_lines(part, width and width - len(_GAP)):
            yield [Piece(_GAP), *line]
    else:
        text = part if isinstance(part, str) else repr(part)
        lines = [text] if isinstance(part, Line) else text.split("\n")
        # A frame has broken its own lines.
        room = width if isinstance(part, str) else None
        yield from ([Piece(broken)] for line in lines for broken in wrapped(line, room))


def _block_lines(block: Block, width: int | None) -> Iterator[list[Piece]]:
    above = width is not None and width < _NARROW
    indent = len(_GAP) if above else _LABEL_WIDTH
    label = block.label
    if above and label:
        yield [Piece(label, block.tone)]
        label = ""
    for part in block.filled():
        for line in _lines(part, width and width - indent):
            tone: Tone = block.tone if label else ""
            yield [Piece(f"{label:<{indent}}", tone), *line]
            label = ""


def _lines(part: str | Table | Box, width: int | None) -> Iterator[list[Piece]]:
    if isinstance(part, str):
        yield from ([Piece(line)] for line in wrapped(part, width))
    elif isinstance(part, Box):
        for one in part.lines:
            for line in wrapped(one, width and width - 2):
                yield [Piece(f"│ {line}".rstrip())]
    else:
        yield from _table_lines(part, width)


def _table_lines(table: Table, width: int | None) -> Iterator[list[Piece]]:
    """Lay rows out; the last cell of each goes over as many lines as it needs."""
    *fixed, last = (place for place in range(_width(table)) if place != table.below)
    rows: list[tuple[tuple[str, ...], Tone]] = [(table.head, "soft")] if table.headed else []
    rows += [(row, table.tones[at] if table.tones else "") for at, row in enumerate(table.rows)]
    widths = {place: max(len(row[place]) for row, _ in rows) for place in (*fixed, last)}
    lead = sum(widths[place] + len(_GAP) for place in fixed)
    beside = width is None or width - lead >= min(widths[last], _LEAST)
    hanging = " " * (lead if beside else 2 * len(_GAP))
    word = next((place for place in (*fixed, last) if place not in table.numbers), None)
    for row, tone in rows:
        cells = {
            place: f"{row[place]:>{size}}" if place in table.numbers else f"{row[place]:<{size}}"
            for place, size in widths.items()
        }
        start = [
            Piece(cells[place] + _GAP, tone if place == word or tone == "soft" else "")
            for place in fixed
        ]
        room = width and width - len(hanging)
        texts = wrapped(cells[last].rstrip(), room)
        if beside:
            start.append(Piece(texts.pop(0), tone if last == word or tone == "soft" else ""))
        else:
            start[-1] = start[-1]._replace(text=start[-1].text.rstrip())
        yield start
        if table.below is not None and row[table.below] and tone != "soft":
            texts += wrapped(f"e.g. {row[table.below]}", room)
        yield from ([Piece(hanging), Piece(text)] for text in texts)


def _width(table: Table) -> int:
    return max((len(row) for row in table.rows), default=0)


# ----- in a notebook -----------------------------------------------------------------------------

_COMMAND: Final = re.compile(r"`([^`]+)`")


def _parts_html(parts: tuple[Part, ...]) -> Iterator[str]:
    """Blocks that follow each other become one list, so that what is beside them lines up."""
    rows: list[str] = []
    for part in (*parts, ""):
        if isinstance(part, Block):
            beside = "".join(map(_beside_html, part.filled()))
            tone = f' class="{part.tone}"' if part.tone != "label" else ""
            rows.append(f"<dt{tone}>{html.escape(part.label)}</dt><dd>{beside}</dd>")
            continue
        if rows:
            yield f"<dl>{''.join(rows)}</dl>"
            rows = []
        if isinstance(part, Table):
            yield _table_html(part)
        elif not isinstance(part, str):
            table = part.to_html(notebook=True, max_cols=20, border=0)
            yield f'<div style="overflow-x:auto">{table}</div>'
        elif part:
            yield f"<p>{_text_html(part)}</p>"


def _text_html(text: str) -> str:
    escaped = html.escape(text)
    if isinstance(text, Line):
        return f"<code>{escaped}</code>"
    return _COMMAND.sub(r"<code>\1</code>", escaped)


def _beside_html(part: str | Table | Box) -> str:
    if isinstance(part, str):
        return f"<div>{_text_html(part)}</div>"
    if isinstance(part, Box):
        text = html.escape("\n".join(part.lines))
        return f'<div class="mmsbatch-phone">{text}</div>'
    return _table_html(part)


def _table_html(table: Table) -> str:
    def cells(row: tuple[str, ...], element: str, tone: Tone = "") -> str:
        word = next((place for place in range(len(row)) if place not in table.numbers), None)
        return "".join(
            f"<{element}{_class(place, table, tone if place == word else '')}>"
            f"{_text_html(cell)}</{element}>"
            for place, cell in enumerate(row)
        )

    head = f"<thead><tr>{cells(table.head, 'th')}</tr></thead>" if table.head else ""
    rows = (
        f"<tr>{cells(row, 'td', table.tones[at] if table.tones else '')}</tr>"
        for at, row in enumerate(table.rows)
    )
    return f"<table>{head}<tbody>{''.join(rows)}</tbody></table>"


def _class(place: int, table: Table, tone: str) -> str:
    words = [*(["number"] if place in table.numbers else []), *([tone] if tone else [])]
    return f' class="{" ".join(words)}"' if words else ""


# ----- in words ----------------------------------------------------------------------------------


def amount(value: Decimal | int | None) -> str:
    """Write a number with thousands apart; a question mark if it is not known."""
    return "?" if value is None else f"{value:,}"


def plural(count: int, word: str) -> str:
    """Write a count and its word: ``1 row``, ``1,500 rows``."""
    return f"{count:,} {word}" + ("" if count == 1 else "s")


def counts(
    rows_by_word: Mapping[str, int],
    meanings: Mapping[str, str],
    tones: Mapping[str, Tone] | None = None,
) -> Table:
    """Lay rows by word out, most first."""
    most_first = sorted(rows_by_word.items(), key=lambda item: -item[1])
    return Table(
        tuple((f"{count:,}", word, meanings.get(word, "")) for word, count in most_first),
        tones=tuple((tones or {}).get(word, "") for word, _ in most_first),
    )


def frame_table(frame: pd.DataFrame) -> Table:
    """Lay a small frame out whole, its column names above it."""
    import pandas as pd  # noqa: PLC0415  (which help and completion do without)

    def written(cell: Any) -> str:
        if pd.api.types.is_scalar(cell) and pd.isna(cell):
            return ""
        number = isinstance(cell, int | float) and not isinstance(cell, bool)
        return f"{cell:,}" if number else str(cell)

    kinds = [dtype.kind for dtype in frame.dtypes]
    rows = tuple(tuple(map(written, row)) for row in frame.itertuples(index=False))
    numbers = tuple(place for place, kind in enumerate(kinds) if kind in "iuf")
    return Table(rows, tuple(map(str, frame.columns)), headed=True, numbers=numbers)


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
