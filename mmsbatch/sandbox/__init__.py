"""The sandbox: the gateway as its document describes it, on loopback, with faults and an inbox.

It shares no code with the client it tests: it is written from the document alone, except for the
texts of the statuses.
"""

from mmsbatch.sandbox.checks import AnotherAccount, MediaFact, SandboxOptions
from mmsbatch.sandbox.fault_rules import FaultRule, read_faults
from mmsbatch.sandbox.faults import EVERY, Fault, parse_faults
from mmsbatch.sandbox.ledger import Delivery, Media, Received
from mmsbatch.sandbox.server import Sandbox, embedded
from mmsbatch.sandbox.store import read_ledger

__all__ = [
    "EVERY",
    "AnotherAccount",
    "Delivery",
    "Fault",
    "FaultRule",
    "Media",
    "MediaFact",
    "Received",
    "Sandbox",
    "SandboxOptions",
    "embedded",
    "parse_faults",
    "read_faults",
    "read_ledger",
]
