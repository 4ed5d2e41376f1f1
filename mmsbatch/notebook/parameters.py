"""A notebook's parameters: what its tagged cell declares, and what may be given for it. Pure."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from tokenize import COMMENT
from typing import Any, Final
from urllib.parse import quote_plus

from mmsbatch.errors import InputError, nearest

REQUIRED: Final = object()
"""Stands for the default of a parameter that has none."""
COMPUTED: Final = object()
"""Stands for a default that is not written out: only the kernel will know it."""

_CREDENTIALS: Final = re.compile(
    "pass(code|word|wd|phrase)|clientcode|login|token|secret|credential|api_?key|^mmsbatch_"
)
_WITH_PASSWORD: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^/@\s]*:[^/@\s]*@", re.IGNORECASE)
_ENCODED: Final = frozenset({"image/png", "image/jpeg", "application/pdf"})
"""Parts of an output in base64, where letters are not to be read."""
_LONG_ENOUGH: Final = 6
"""Characters of a secret from which on it is looked for inside of a value, too."""

_TYPES: Final = {
    "None": "None",
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "list": "a list such as ['mobile', 'tel']",
    "dict": "a dict",
    "str": "a text",
}
"""The types that can be typed on a command line, in the order in which a text is tried."""
_INJECTED: Final = "# Parameters"
"""How the cell begins that papermill injects."""
_UNKNOWN: Final = object()
_NUMBER: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]{1,2})?", re.IGNORECASE)


@dataclass(frozen=True)
class Parameter:
    """One line of a parameters cell."""

    name: str
    types: tuple[str, ...]
    """Any of `_TYPES`, in their order."""
    default: Any = REQUIRED
    comment: str = ""
    """What stands behind it."""

    def __str__(self) -> str:
        """Write it as a line of help."""
        usual = "" if self.default is REQUIRED else f" = {self.default!r}"
        told = f"  {self.comment}" if self.comment else ""
        return f"{self.name}{usual}{told}"


def declared(source: str) -> dict[str, Parameter]:
    """Read a parameters cell: ``name: type = default`` a line, in Python.

    Raises
    ------
    InputError
        The cell is no Python.
    """
    try:
        lines = ast.parse(source).body
    except SyntaxError as error:
        raise InputError(f"the notebook's parameters cell is no Python: {error}") from None
    found: dict[str, Parameter] = {}
    comments = _comments(source)
    for line in lines:
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
            default = REQUIRED if line.value is None else _default(line.value)
            types = _ordered(_named(line.annotation))
            comment = comments.get(line.end_lineno or 0, "")
            found[line.target.id] = Parameter(line.target.id, types, default, comment)
        elif isinstance(line, ast.Assign):
            default = _default(line.value)
            kind = type(default).__name__
            types = (kind,) if kind in _TYPES and default is not None else tuple(_TYPES)
            for target in line.targets:
                if isinstance(target, ast.Name):
                    found[target.id] = Parameter(target.id, types, default)
    return found


def _comments(source: str) -> dict[int, str]:
    """Return the comments by their lines."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == COMMENT}


def given(words: Sequence[str], known: Mapping[str, Parameter], notebook: str) -> dict[str, Any]:
    """Read ``name=value`` words against what the notebook declares.

    Raises
    ------
    InputError
        A word that is none, a name that is not known, given twice or missing, or a value of
        another type.
    """
    values: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise InputError(f"-p takes name=value; found {word!r}.{nearest(word, known)}")
        if name not in known:
            raise InputError(
                f"{notebook} has no parameter {name!r}.{nearest(name, known)} "
                f"It takes {', '.join(known)}"
            )
        if name in values:
            raise InputError(f"parameter {name} is given twice: leave one of the two out")
        values[name] = _read(known[name], text)
    for parameter in known.values():
        if parameter.default is REQUIRED and parameter.name not in values:
            raise InputError(f"{notebook} needs its parameter {parameter.name}: -p NAME=VALUE")
    return values


def check_parameters(namespace: Mapping[str, Any]) -> None:
    """Refuse a parameter that the notebook does not declare, whoever runs it.

    papermill writes what it is given into a cell of its own and goes on: a parameter that is one
    letter short leaves the notebook with its default, and another file is sent.

    Parameters
    ----------
    namespace
        The notebook's ``globals()``. Its parameters are the names that were declared with a type
        (``run: str = …``); what was injected is in its history.

    Raises
    ------
    InputError
        Names the parameter, the nearest one, and all that there are.
    """
    known = namespace.get("__annotations__", {})
    for source in namespace.get("In", ()):
        if not source.startswith(_INJECTED):
            continue
        unknown = [name for name in _assigned(source) if name not in known]
        if unknown:
            raise InputError(
                f"this notebook has no parameter {unknown[0]!r}.{nearest(unknown[0], known)} "
                f"It takes {', '.join(known)}"
            )


def _assigned(source: str) -> list[str]:
    return [
        target.id
        for line in ast.parse(source).body
        if isinstance(line, ast.Assign)
        for target in line.targets
        if isinstance(target, ast.Name)
    ]


def refuse_credentials(words: Iterable[str], secrets: Iterable[str]) -> None:
    """Refuse what would write a secret into the executed copy; the value is never shown.

    Raises
    ------
    InputError
        A parameter that is named like a credential, is one, or is an address with a password.
    """
    hidden = [secret for secret in secrets if secret]
    for word in words:
        name, _, text = word.partition("=")
        if _CREDENTIALS.search(name.strip().casefold()):
            reason = f"{name.strip()!r} is a credential"
        elif any(one in (word, text) for one in hidden) or any(
            one in word for one in hidden if len(one) >= _LONG_ENOUGH
        ):
            reason = "one of the parameters holds the passcode"
        elif _WITH_PASSWORD.search(text):
            reason = f"the value of {name!r} is an address with a password in it"
        else:
            continue
        raise InputError(
            f"{reason}, and every parameter is written into the executed notebook: take it out. "
            "The account comes from the environment, MMSBATCH_CLIENTCODE and MMSBATCH_PASSCODE"
        )


def as_template(path: object) -> str:
    """Write a path for papermill, which fills in ``{parameter}`` in one."""
    return str(path).replace("{", "{{").replace("}", "}}")


def without(secrets: Iterable[str], value: Any) -> Any:
    """Return a JSON-like value in which no text holds a secret, plain or percent-encoded."""
    if isinstance(value, str):
        for secret in secrets:
            for written in {secret, quote_plus(secret)}:
                value = value.replace(written, "•" * 4) if written else value
        return value
    if isinstance(value, dict):
        return {
            key: one if key in _ENCODED else without(secrets, one) for key, one in value.items()
        }
    if isinstance(value, list):
        return [without(secrets, one) for one in value]
    return value


def _default(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return COMPUTED


def _named(annotation: ast.expr) -> set[str]:
    """Return the names in an annotation: int | None, Optional[int], "int", list[str]."""
    match annotation:
        case ast.Constant(value=str(text)):
            found = _named(ast.parse(text, mode="eval").body)
        case ast.Constant(value=value):
            found = {str(value)}
        case ast.BinOp(left=left, right=right):
            found = _named(left) | _named(right)
        case ast.Subscript(value=ast.Name("Optional"), slice=inner):
            found = _named(inner) | {"None"}
        case ast.Subscript(value=ast.Name("Union"), slice=ast.Tuple(elts=several)):
            found = {name for one in several for name in _named(one)}
        case ast.Subscript(value=outer):
            found = _named(outer)
        case ast.Name(id=name):
            found = {name}
        case _:
            found = {"?"}
    return found


def _ordered(names: set[str]) -> tuple[str, ...]:
    """Return the types in the order they are tried; an unknown one leaves all of them open."""
    return (
        tuple(kind for kind in _TYPES if kind in names) if names <= set(_TYPES) else tuple(_TYPES)
    )


def _read(parameter: Parameter, text: str) -> Any:
    if text != "":
        for kind in parameter.types:
            value = _as(kind, text)
            if value is not _UNKNOWN:
                return value
    wanted = " or ".join(_TYPES[kind] for kind in parameter.types)
    leave = "" if parameter.default is REQUIRED else "; leave it out for the notebook's own value"
    raise InputError(f"parameter {parameter.name} must be {wanted}; found {text!r}{leave}")


def _as(kind: str, text: str) -> Any:
    """Read a text as a type, or give `_UNKNOWN`."""
    value: Any = _UNKNOWN
    if kind == "str":
        value = text
    elif kind == "None" and text in {"None", "null"}:
        value = None
    elif kind == "bool":
        value = {"true": True, "false": False}.get(text.casefold(), _UNKNOWN)
    elif kind == "int" and re.fullmatch("[+-]?[0-9]+", text):
        value = int(text)
    elif kind == "float" and _NUMBER.fullmatch(text):
        value = float(text)
    elif kind in {"list", "dict"}:
        with suppress(ValueError, SyntaxError):
            read = ast.literal_eval(text)
            value = read if type(read).__name__ == kind else _UNKNOWN
    return value
