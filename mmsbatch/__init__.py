"""Dataframe in, dataframe out: French mobile numbers checked, MMS sent, every outcome proved.

::

    import mmsbatch as mms

    contacts = mms.read_contacts("data/samples/crm.csv")
    prepared = mms.prepare(contacts, phone="mobile", fictional=True)
    campaign = mms.Campaign(
        "noel-2026", mms.Image("Joyeux Noël !", "http://www.example.com/noel.jpg")
    )
    plan = mms.plan(prepared, campaign)
    results = mms.send(plan, mms.Account.from_env("sandbox"), run="data/runs/noel-2026")
"""

from mmsbatch import plots
from mmsbatch._version import __version__
from mmsbatch.account import Account
from mmsbatch.auditing.changes import Diff, diff
from mmsbatch.auditing.history import history
from mmsbatch.auditing.sql import connect
from mmsbatch.auditing.summary import audit
from mmsbatch.campaign import Campaign
from mmsbatch.campaign_file import load_campaign
from mmsbatch.contacts import read_contacts
from mmsbatch.content import Image, Sound, SoundImage, Text, Video
from mmsbatch.erasure.erasing import Forgetting, forget
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
from mmsbatch.limits import Limits
from mmsbatch.outcomes import Outcome
from mmsbatch.planning.plan import Plan, plan
from mmsbatch.planning.prepare import prepare
from mmsbatch.planning.preview import preview
from mmsbatch.reconciliation.reconcile import reconcile, settle
from mmsbatch.results_summary import summary
from mmsbatch.run_names import run_name
from mmsbatch.runs import results, resume, send, status
from mmsbatch.sending.estimate import estimate
from mmsbatch.suppression import SuppressionList
from mmsbatch.suppression_sources import read_suppression_list
from mmsbatch.verification.verification import Verification, verify

__all__ = [
    "Account",
    "AccountError",
    "Campaign",
    "CampaignError",
    "ContactsError",
    "Diff",
    "Forgetting",
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
    "Sound",
    "SoundImage",
    "SuppressionList",
    "Text",
    "UnreadableAnswer",
    "Verification",
    "Video",
    "__version__",
    "audit",
    "connect",
    "diff",
    "estimate",
    "forget",
    "history",
    "load_campaign",
    "plan",
    "plots",
    "prepare",
    "preview",
    "read_contacts",
    "read_suppression_list",
    "reconcile",
    "results",
    "resume",
    "retention",
    "run_name",
    "send",
    "settle",
    "status",
    "summary",
    "verify",
]
