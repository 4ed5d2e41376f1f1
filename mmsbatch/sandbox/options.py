"""What kind of gateway and account the sandbox plays. Pure. (§1.2, §1.4, §2.2, §3.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class MediaFact(BaseModel):
    """What the gateway would find at the address of a medium. Nothing is ever downloaded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size_bytes: Annotated[int, Field(ge=0)] = 10_000
    """Size of the file; too large is status 115."""
    reachable: bool = True
    """The host answers. If not: 116 for an image, 114 for a video or a sound."""
    downloadable: bool = True
    """The file can be fetched. If not: 117 for an image, 114 for a video or a sound."""


class SandboxOptions(BaseModel):
    """The account of the sandbox, and which reading of the document it plays.

    The defaults take what the document takes, in the widest of its contradictory readings, from
    one account ``demo`` / ``demo`` with 100,000 credits.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    # ----- the account (§1.1, §2, §3) -----
    login: Annotated[str, Field(min_length=1)] = "demo"
    """``clientcode``; the CLIENT tag must hold it in capitals (§1.2.1)."""
    passcode: SecretStr = SecretStr("demo")
    """``passcode``; anything else is status 102."""
    credits: int = 100_000
    """Credits at the start. None left is 103; fewer than a request costs is 104."""
    cost_per_recipient: Annotated[int, Field(ge=0)] = 1
    """Credits one number costs."""
    mms_authorised: bool = True
    """False: every sending request is status 200."""
    active: bool = True
    """False: the account tool answers 303, and sending 200, the nearest status of its table."""
    pro: bool = True
    """False: answers have no CampaignID line (§2)."""
    other_logins: frozenset[str] = frozenset()
    """Logins that exist but belong to others: the account tool answers 302 for them."""
    active_status: Literal[300, 100] = 300
    """Which of its two codes the account tool uses for an active account (§3.3, §3.2)."""
    blacklist: frozenset[str] = frozenset()
    """Numbers (any accepted form) that opted out: they come back in UnvalidNums under status 100,
    or under 123 when no other number is left."""

    # ----- the reading of the document -----
    strict: bool = False
    """The letter of the document: 06 numbers only (§1.4), the smaller of two size limits (§1.2)."""
    class_4: bool = True
    """False: MSGCLASS 4, which only the prose of §1.2 knows, is status 109."""
    any_host: bool = False
    """True: media addresses need only begin with ``http://``, not ``http://www.`` (§1.2)."""
    count_bytes: bool = False
    """True: the length of a message is counted in UTF-8 bytes, as PHP's ``strlen`` does."""
    charset: Literal["utf-8", "latin-1"] = "utf-8"
    """How XMLFlow is decoded; ``latin-1`` shows and counts an UTF-8 ``é`` as two characters."""
    naive_xml: bool = False
    """True: tags are cut out of the text; entities and CDATA sections are not decoded."""
    collapse_duplicates: bool = False
    """True: a repeated number is sent, charged and listed once."""
    with_ids: bool = False
    """True: CUSTOMER holds an ``<ID>``, as §2 promises and its example omits."""

    # ----- the world -----
    media: Mapping[str, MediaFact] = Field(default_factory=dict)
    """What is found at an address; an address not named exists and is small."""
    latency_ms: Annotated[int, Field(ge=0)] = 0
    """Milliseconds every answer of the gateway's two scripts takes."""


SWITCHES = tuple(
    name
    for name, field in SandboxOptions.model_fields.items()
    if field.annotation is bool and field.default is False
)
"""The options a fault can switch on for one request."""
