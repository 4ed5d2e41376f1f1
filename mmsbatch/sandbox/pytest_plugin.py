"""A fixture for other projects' tests: the gateway with its ledger, in this process.

Installed with the package: a test that takes ``mms_sandbox`` gets a running `Sandbox`, new for each
test, and the environment says where it is::

    def test_everybody_is_written_to(mms_sandbox):
        send_my_campaign(url=mms_sandbox.url, login="demo", password="demo")
        assert [sent.message for sent in mms_sandbox.ledger] == ["Bonjour"]

Faults, credits and the rest are its attributes: ``mms_sandbox.faults.add(FaultRule.read({"do":
"status:103", "next": True}))``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mmsbatch.sandbox import Sandbox


@pytest.fixture
def mms_sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A sandbox gateway that runs during the test; ``MMSBATCH_URL`` names it."""
    from mmsbatch.sandbox import Sandbox  # noqa: PLC0415  (pytest loads this module in any project)

    with Sandbox() as sandbox:
        monkeypatch.setenv("MMSBATCH_URL", sandbox.url)
        yield sandbox
