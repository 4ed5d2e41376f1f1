"""Texts that name columns: a small, safe part of Jinja2. Pure. Source: §1.2.

What a template may hold: ``{{ column }}``, ``{{ row["a column"] }}`` for a name that is not one
word, ``~`` to join, the filters and tests listed below, ``== != in not in and or not`` and
``{% if %}``. Everything else is refused when the campaign is built: without loops, calls,
arithmetic and attributes a template ends, stays small and reaches nothing but the row's cells.
Ordering (``<``) is left out because cells are text, where ``"9" > "100"``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from jinja2 import StrictUndefined, TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from mmsbatch.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    import jinja2

FILTERS: Final = (
    "capitalize",
    "default",
    "first",
    "lower",
    "replace",
    "title",
    "trim",
    "truncate",
    "upper",
)
TESTS: Final = ("defined", "undefined")
ROW: Final = "row"
"""``row["Date de naissance"]`` names a column whose name is not one word."""

_OPERATORS: Final = ("eq", "ne", "in", "notin")
_ALLOWED: Final = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Getitem,
    nodes.Const,
    nodes.Tuple,
    nodes.List,
    nodes.Concat,
    nodes.CondExpr,
    nodes.If,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Compare,
    nodes.Operand,
    nodes.Filter,
    nodes.Test,
    nodes.Keyword,
)
_RESERVED: Final = ("self", "loop", "super", "caller", "varargs", "kwargs")  # Jinja2's own words


class TemplateProblem(Exception):  # noqa: N818  (becomes one line of a CampaignError)
    """Why a text cannot be read as a template, with its line."""


@dataclass(frozen=True)
class Parsed:
    """A template, read."""

    columns: frozenset[str]
    fixed_text: str
    """The text that every row gets: what stands outside ``{{ }}`` and ``{% if %}``."""
    all_text: str
    """All text that stands outside ``{{ }}``, whatever the condition."""
    compiled: jinja2.Template


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
        autoescape=False,  # the XML writer escapes, once
        keep_trailing_newline=True,  # never rewrite the user's text
    )
    environment.globals.clear()
    environment.filters = {name: environment.filters[name] for name in FILTERS}
    environment.tests = {name: environment.tests[name] for name in TESTS}
    return environment


_ENVIRONMENT = _environment()


def is_template(message: str) -> bool:
    """Whether a text is read as a template: it holds ``{{``, ``{%`` or ``{#``."""
    return any(mark in message for mark in ("{{", "{%", "{#"))


def _problem(node: nodes.Node, text: str) -> TemplateProblem:
    return TemplateProblem(f"line {node.lineno}: {text}")


def _column(node: nodes.Name | nodes.Getitem) -> str:
    """Read the column that ``name`` or ``row["name"]`` stands for."""
    if isinstance(node, nodes.Name):
        if node.name in (ROW, *_RESERVED):
            raise _problem(
                node, f'{node.name!r} is a word of templates; write row["{node.name}"] for a column'
            )
        return node.name
    of_row = isinstance(node.node, nodes.Name) and node.node.name == ROW
    if not (of_row and isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str)):
        raise _problem(node, 'brackets only name a column, as in row["Date de naissance"]')
    return node.arg.value


def _check(node: nodes.Node) -> Iterator[str]:
    """Refuse what is not allowed below a node, and yield the columns that are named there."""
    if not isinstance(node, _ALLOWED):
        what = type(node).__name__.lower()
        hint = ""
        if isinstance(node, nodes.Getattr):
            what, hint = (
                "a dot",
                f'; write row["….{node.attr}"] for a column with a dot in its name',
            )
        raise _problem(node, f"{what} is not allowed in a template{hint}")
    if isinstance(node, nodes.Filter) and node.name not in FILTERS:
        raise _problem(
            node,
            f"no filter {node.name!r}; there are {', '.join(FILTERS)}."
            + nearest(node.name, FILTERS),
        )
    if isinstance(node, nodes.Test) and node.name not in TESTS:
        raise _problem(node, f"no test {node.name!r}; there are {', '.join(TESTS)}")
    if isinstance(node, nodes.Operand) and node.op not in _OPERATORS:
        raise _problem(node, "cells are text, so only ==, != and in compare them")
    if isinstance(node, nodes.Name | nodes.Getitem):
        yield _column(node)
        return
    for child in node.iter_child_nodes():
        yield from _check(child)


@lru_cache(maxsize=64)
def parse(message: str) -> Parsed:
    """Read a template.

    Raises
    ------
    TemplateProblem
        It is not a template, holds something that is not allowed, or names no column.
    """
    try:
        tree = _ENVIRONMENT.parse(message)
        columns = frozenset(_check(tree))
        compiled = _ENVIRONMENT.from_string(message)
    except TemplateSyntaxError as error:
        hint = ""
        if "expected token 'end of print statement'" in str(error.message):
            hint = '; a column whose name is not one word is written {{ row["its name"] }}'
        raise TemplateProblem(f"line {error.lineno}: {error.message}{hint}") from None
    except (RecursionError, SyntaxError):  # Python's own limits on what Jinja2 generates
        raise TemplateProblem("line 1: nested too deeply") from None
    except ValueError:  # Python's limit on the digits of a number
        raise TemplateProblem("line 1: holds a number that is too long") from None
    if not columns:
        raise TemplateProblem("line 1: names no column; write the text as it is to be read")
    fixed = "".join(
        part.data
        for output in tree.body
        if isinstance(output, nodes.Output)
        for part in output.nodes
        if isinstance(part, nodes.TemplateData)
    )
    everything = "".join(part.data for part in tree.find_all(nodes.TemplateData))
    return Parsed(columns, fixed, everything, compiled)
