"""The database tables: stores, roles of people, devices, operator tokens, paired screens, their states and outages,
alarms and the contacts that are told about them, pictures and videos, past calls and the proofs of days, entries of the
history that could not be stored, and which earlier versions of cashier_q work with the tables.
"""

from cashier_web.models.alarms import Alarm, AlarmContact, AlarmKind, AlarmMessage, AlarmMute, EndReason
from cashier_web.models.calls import CallOfDeletedStore, PastCall, UnstoredEntry
from cashier_web.models.devices import Device
from cashier_web.models.fleet import Cause, Outage, ScreenState, Severity, State
from cashier_web.models.media import Medium
from cashier_web.models.oldest_version import OldestVersion
from cashier_web.models.operator_tokens import OperatorToken
from cashier_web.models.people import Membership, Role
from cashier_web.models.proof_days import ProofDay
from cashier_web.models.screens import Screen
from cashier_web.models.stores import Store, check_time_zone, time_zones, usual_languages

__all__ = [
    "Alarm",
    "AlarmContact",
    "AlarmKind",
    "AlarmMessage",
    "AlarmMute",
    "CallOfDeletedStore",
    "Cause",
    "Device",
    "EndReason",
    "Medium",
    "Membership",
    "OldestVersion",
    "OperatorToken",
    "Outage",
    "PastCall",
    "ProofDay",
    "Role",
    "Screen",
    "ScreenState",
    "Severity",
    "State",
    "Store",
    "UnstoredEntry",
    "check_time_zone",
    "time_zones",
    "usual_languages",
]
