"""Dataframe in, dataframe out: French mobile numbers checked, MMS sent, every outcome proved.

::

    import mmsbatch as mms

    contacts = mms.read_contacts(mms.sample("crm.csv"))
    prepared = mms.prepare(contacts, phone="mobile", fictional=True, consent="optin_sms")
    campaign = mms.Campaign(
        "noel-2026", mms.Image("Joyeux Noël !", "http://www.example.com/noel.jpg")
    )
    plan = mms.plan(prepared, campaign)
    results = mms.send(plan, mms.Account.from_env("sandbox"), run=mms.runs_folder() / "noel-2026")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    # Type checkers and editors do not run __getattr__: they read the names here.
    from mmsbatch import plots
    from mmsbatch.auditing.diff import Diff, diff
    from mmsbatch.auditing.history import history
    from mmsbatch.auditing.overview import audit
    from mmsbatch.auditing.past import past_contacts
    from mmsbatch.auditing.sql import connect
    from mmsbatch.auditing.variants import variants
    from mmsbatch.campaign.campaign import Campaign
    from mmsbatch.campaign.consent import Consent
    from mmsbatch.campaign.content import Image, Sound, SoundImage, Text, Video
    from mmsbatch.campaign.file import load_campaign
    from mmsbatch.campaign.readings import as_read
    from mmsbatch.campaign.split import Split
    from mmsbatch.contacts.reading import read_contacts
    from mmsbatch.demo import sample
    from mmsbatch.erasure.erase import forget
    from mmsbatch.erasure.forgetting import Forgetting
    from mmsbatch.erasure.retention import retention
    from mmsbatch.errors import (
        AccountError,
        CampaignError,
        ContactsError,
        InDoubt,
        InputError,
        MmsbatchError,
        NotSent,
        PlanError,
        RunError,
        RunInDoubt,
        RunStopped,
        UnreadableAnswer,
    )
    from mmsbatch.files import __version__
    from mmsbatch.gateway.account import Account
    from mmsbatch.gateway.accounts import Accounts
    from mmsbatch.media.checking import check_media
    from mmsbatch.notebook.parameters import check_parameters
    from mmsbatch.planning.frequency import Frequency
    from mmsbatch.planning.plan import Plan
    from mmsbatch.planning.plan_file import plan_file
    from mmsbatch.planning.planner import plan
    from mmsbatch.planning.prepare import prepare
    from mmsbatch.planning.preview import preview
    from mmsbatch.planning.saved import SavedPlan
    from mmsbatch.planning.spark import spark_prepare
    from mmsbatch.planning.suppression import SuppressionList
    from mmsbatch.planning.suppression_files import read_suppression_list
    from mmsbatch.reconciliation.reconcile import reconcile, settle
    from mmsbatch.runs.identity import moved
    from mmsbatch.runs.locations import runs_folder
    from mmsbatch.runs.names import run_name
    from mmsbatch.runs.outcomes import Outcome
    from mmsbatch.runs.run import results, status, summary, write_results
    from mmsbatch.sandbox.server import Sandbox
    from mmsbatch.sending.estimate import estimate
    from mmsbatch.sending.limits import Limits
    from mmsbatch.sending.send import resume, send
    from mmsbatch.sending.stop import stop
    from mmsbatch.sending.testing import send_test
    from mmsbatch.verification.page import report
    from mmsbatch.verification.verify import Verification, verify

__all__ = [
    "Account",
    "AccountError",
    "Accounts",
    "Campaign",
    "CampaignError",
    "Consent",
    "ContactsError",
    "Diff",
    "Forgetting",
    "Frequency",
    "Image",
    "InDoubt",
    "InputError",
    "Limits",
    "MmsbatchError",
    "NotSent",
    "Outcome",
    "Plan",
    "PlanError",
    "RunError",
    "RunInDoubt",
    "RunStopped",
    "Sandbox",
    "SavedPlan",
    "Sound",
    "SoundImage",
    "Split",
    "SuppressionList",
    "Text",
    "UnreadableAnswer",
    "Verification",
    "Video",
    "__version__",
    "as_read",
    "audit",
    "check_media",
    "check_parameters",
    "connect",
    "diff",
    "estimate",
    "forget",
    "history",
    "load_campaign",
    "moved",
    "past_contacts",
    "plan",
    "plan_file",
    "plots",
    "prepare",
    "preview",
    "read_contacts",
    "read_suppression_list",
    "reconcile",
    "report",
    "results",
    "resume",
    "retention",
    "run_name",
    "runs_folder",
    "sample",
    "send",
    "send_test",
    "settle",
    "spark_prepare",
    "status",
    "stop",
    "summary",
    "variants",
    "verify",
    "write_results",
]

_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "auditing.diff": (
        "Diff",
        "diff",
    ),
    "auditing.history": ("history",),
    "auditing.overview": ("audit",),
    "auditing.past": ("past_contacts",),
    "auditing.sql": ("connect",),
    "auditing.variants": ("variants",),
    "campaign.campaign": ("Campaign",),
    "campaign.consent": ("Consent",),
    "campaign.content": (
        "Image",
        "Sound",
        "SoundImage",
        "Text",
        "Video",
    ),
    "campaign.file": ("load_campaign",),
    "campaign.readings": ("as_read",),
    "campaign.split": ("Split",),
    "contacts.reading": ("read_contacts",),
    "demo": ("sample",),
    "erasure.erase": ("forget",),
    "erasure.forgetting": ("Forgetting",),
    "erasure.retention": ("retention",),
    "errors": (
        "AccountError",
        "CampaignError",
        "ContactsError",
        "InDoubt",
        "InputError",
        "MmsbatchError",
        "NotSent",
        "PlanError",
        "RunError",
        "RunInDoubt",
        "RunStopped",
        "UnreadableAnswer",
    ),
    "files": ("__version__",),
    "gateway.account": ("Account",),
    "gateway.accounts": ("Accounts",),
    "media.checking": ("check_media",),
    "notebook.parameters": ("check_parameters",),
    "planning.frequency": ("Frequency",),
    "planning.plan": ("Plan",),
    "planning.plan_file": ("plan_file",),
    "planning.planner": ("plan",),
    "planning.prepare": ("prepare",),
    "planning.preview": ("preview",),
    "planning.saved": ("SavedPlan",),
    "planning.spark": ("spark_prepare",),
    "planning.suppression": ("SuppressionList",),
    "planning.suppression_files": ("read_suppression_list",),
    "reconciliation.reconcile": (
        "reconcile",
        "settle",
    ),
    "runs.identity": ("moved",),
    "runs.locations": ("runs_folder",),
    "runs.names": ("run_name",),
    "runs.outcomes": ("Outcome",),
    "runs.run": (
        "results",
        "status",
        "summary",
        "write_results",
    ),
    "sandbox.server": ("Sandbox",),
    "sending.estimate": ("estimate",),
    "sending.limits": ("Limits",),
    "sending.send": (
        "resume",
        "send",
    ),
    "sending.stop": ("stop",),
    "sending.testing": ("send_test",),
    "verification.page": ("report",),
    "verification.verify": (
        "Verification",
        "verify",
    ),
}
"""Each module below this package, and the public names that are taken from it."""

_HOMES: Final = {name: module for module, names in _NAMES.items() for name in names}

if not TYPE_CHECKING:  # with a __getattr__ in sight, a type checker would accept any name

    def __getattr__(name: str) -> object:
        """Import a public name when it is first used: most programs need few of them."""
        if name == "plots":
            return import_module("mmsbatch.plots")
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"mmsbatch.{_HOMES[name]}"), name)
        globals()[name] = value  # the next use does not come here
        return value

    def __dir__() -> list[str]:
        """Return the public names, whether they are imported yet or not."""
        return __all__
