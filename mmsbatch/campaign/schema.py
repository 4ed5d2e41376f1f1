"""The campaign file for editors: its JSON Schema, and a commented file to begin with. Pure."""

from __future__ import annotations

import json
from typing import Any, Final

from mmsbatch import spec
from mmsbatch.campaign.campaign import ENCODINGS, NEWLINES, ONE_PER, PREFIXES, PURPOSES

SCHEMA_NAME: Final = "campaign.schema.json"
"""Of the file that a campaign's first line names, beside it."""


def _text(what: str, **more: Any) -> dict[str, Any]:
    return {"type": "string", "description": what, **more}


def _words(what: str, known: tuple[str, ...]) -> dict[str, Any]:
    return {"enum": list(known), "description": what}


def _table(what: str, properties: dict[str, Any], required: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "type": "object",
        "description": what,
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


_TEMPLATE: Final = "may name columns: {{ prenom }}"
_URL: Final = _text(f"http://www.…, without &; {_TEMPLATE}", pattern="^http://")
_BYTES: Final = {"type": "integer", "minimum": 1, "description": "size of the file, if it is known"}
_DURATION: Final = {
    "description": f"whole seconds; {_TEMPLATE}",
    "anyOf": [
        {"type": "integer", "minimum": spec.MIN_DURATION_S, "maximum": spec.MAX_DURATION_S},
        {"type": "string", "pattern": r"\{[{%]"},
    ],
}
_CLIP: Final = {"url": _URL, "duration_s": _DURATION, "bytes": _BYTES}
_CONTENT: Final[dict[str, Any]] = {
    "kind": _words("what is sent (§1.2)", tuple(map(str, spec.ContentKind))),
    "message": _text(
        f"at most {spec.MAX_MESSAGE_LENGTH[spec.ContentKind.TEXT]:,} characters for a text, "
        f"{spec.MAX_MESSAGE_LENGTH[spec.ContentKind.IMAGE]} beside a medium; {_TEMPLATE}"
    ),
    "image": {
        "description": "of an image, or a sound with image",
        "anyOf": [_URL, _table("with its size", {"url": _URL, "bytes": _BYTES}, ("url",))],
    },
    "video": _table("of a video: 3GP", _CLIP, ("url", "duration_s")),
    "sound": _table("of a sound, or a sound with image: MIDI or AMR", _CLIP, ("url", "duration_s")),
}
_PERCENT: Final = {"type": "number", "minimum": 0, "exclusiveMaximum": 100}
_LIST: Final = {"type": "array", "items": {"type": "string"}}

SCHEMA: Final[dict[str, Any]] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "title": "A campaign of mmsbatch",
    **_table(
        "What is sent, under which name, and when.",
        {
            "name": _text(
                "each request carries it",
                minLength=1,
                maxLength=spec.MAX_CAMPAIGN_NAME_LENGTH,
            ),
            **_CONTENT,
            "send_at": {"description": "when the gateway is to send it, Paris time"},
            "notify_by_mail": {"type": "boolean", "description": "a mail for each request"},
            "purpose": _words("commercial needs consent; service does not", PURPOSES),
            "consent": {
                "description": "the column that says who has agreed; others get nothing",
                "anyOf": [
                    _text("its name"),
                    _table(
                        "with its words",
                        {"column": _text("its name"), "yes": _LIST, "no": _LIST},
                        ("column",),
                    ),
                ],
            },
            "one_per": _words("message: a number gets each of its texts", ONE_PER),
            "encoding": _words("how the gateway reads bytes", ENCODINGS),
            "newline": _words("what the gateway takes for a line break", NEWLINES),
            "prefixes": {
                "type": "array",
                "items": {"enum": list(PREFIXES)},
                "minItems": 1,
                "description": "first digits of the numbers that the gateway takes",
            },
            "advertiser": _text("whom a commercial text has to name"),
            "way_out": _text("how it offers a way out, if not with STOP"),
            "split": _table(
                "several contents to compare",
                {
                    "hold_out": {**_PERCENT, "description": "per cent who get nothing"},
                    "key": _text("another key, another split; else the campaign's name"),
                    "variants": {
                        "type": "object",
                        "description": "what a variant leaves out is as above",
                        "additionalProperties": _table(
                            "one of the contents",
                            {"share": {**_PERCENT, "description": "per cent"}, **_CONTENT},
                        ),
                    },
                },
            ),
        },
        ("name",),
    ),
}


def schema_text() -> str:
    """Return the JSON Schema of a campaign file, as it is written to one."""
    return json.dumps(SCHEMA, indent=2, ensure_ascii=False) + "\n"


def first_campaign(name: str, consent: str = "optin_sms") -> str:
    """Return a commented campaign file to begin with.

    Parameters
    ----------
    name
        The campaign's; letters, digits, blanks, _ and - are certain to be taken.
    consent
        The column that says who has agreed.
    """
    return f"""\
#:schema ./{SCHEMA_NAME}
# What is sent. A plan says what is wrong with it, and sends nothing.
name = {json.dumps(name, ensure_ascii=False)}
kind = "text"                       # text, image, video, sound, sound+image
message = \"\"\"
Bonjour, votre magasin vous souhaite de belles fêtes !
STOP au 36000\"\"\"
# message = "Bonjour {{{{ prenom | default('cher client') }}}} !"        # a column of the contacts
# image = "http://www.example.com/noel.jpg"                        # with kind = "image"
# video = {{ url = "http://www.example.com/film.3gp", duration_s = 12 }}
# send_at = 2026-12-20 10:00:00     # Paris time; the gateway keeps it until then

purpose = "commercial"              # or "service": an order is ready, a visit is confirmed
# The column that says who has agreed; others get nothing.
consent = {json.dumps(consent, ensure_ascii=False)}
advertiser = "votre magasin"        # whom the text has to name

# [split]                           # several contents to compare
# hold_out = 10                     # per cent who get nothing
# [split.variants.A]
# [split.variants.B]
# message = "Un autre texte. STOP au 36000"
"""
