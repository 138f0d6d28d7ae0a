"""Compares the proofs of calls in the database of the system with the records of the load generator.

Both must agree about each call and each screen. After some faults, the system may have no proof; such a difference is
explained by the fault.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import inf

from loadtests.measure.injected_fault import InjectedFault
from loadtests.measure.records import KILL_NOTICE_SECONDS, ConnectionRecord
from loadtests.measure.shown_call import ShownCall

EDGE_SECONDS = 0.5
"""A proof must contain a call on a screen only if the screen was connected for this long before and after the call."""
WRITTEN_WITHIN_SECONDS = 62.0
"""A proof is in Redis at most this long after the end of its call. If its replica is killed before, it is lost."""


@dataclass(frozen=True, slots=True)
class ProvenCall:
    """The proof of one call. Screens are given by their numbers in the load test.

    painted: the screens that have reported that they have painted the number. silent: the screens that have reported
    nothing, although the call was owed to them. unknown: the screens that could not report. joined, left: the screens
    that connected or disconnected meanwhile.
    """

    call_id: str
    painted: frozenset[int]
    silent: frozenset[int]
    unknown: frozenset[int]
    joined: frozenset[int]
    left: frozenset[int]


@dataclass(slots=True)
class ProofBalance:
    """The result of the comparison.

    agreed: how many numbers on screens both accounts contain.
    explained: how many differences a fault explains, by explanation.
    differences: a line of text for each other difference.
    """

    agreed: int = 0
    explained: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)


Shown = tuple[ConnectionRecord, ShownCall]
"""A call on a screen, and the connection on which it was shown."""


def screen_number(connection: ConnectionRecord) -> int:
    """Return the number of a screen. Its name is "<store>/<number>"."""
    return int(connection.screen.rpartition("/")[2])


def compare(
    connections: Iterable[ConnectionRecord], proofs: Iterable[ProvenCall], faults: Sequence[InjectedFault]
) -> ProofBalance:
    """Compare the records of the load generator with the proofs. faults: the faults that were injected."""
    shown: dict[str, dict[int, list[Shown]]] = defaultdict(lambda: defaultdict(list))
    for connection in connections:
        for call in connection.calls:
            shown[call.call_id][screen_number(connection)].append((connection, call))
    by_call = {proof.call_id: proof for proof in proofs}
    balance = ProofBalance()
    for call_id, proof in by_call.items():
        for screen in proof.painted:
            if screen in shown.get(call_id, {}):
                balance.agreed += 1
            else:
                balance.differences.append(f"call {call_id} on screen {screen}: painted only according to the proof")
    for call_id, screens in shown.items():
        for screen, found in screens.items():
            for why, each in _missing(by_call.get(call_id), screen, found):
                if explanation := explain(each, faults):
                    balance.explained[explanation] += 1
                else:
                    balance.differences.append(f"call {call_id} on screen {screen}: {why}")
    return balance


def _missing(proof: ProvenCall | None, screen: int, found: list[Shown]) -> Iterator[tuple[str, Shown]]:
    """Yield why a proof does not contain a call that a screen has certainly shown, and when the screen has shown it."""
    for each in found:
        connection, call = each
        begun = connection.paints[0][0] if connection.paints else inf
        is_certain = begun < call.shown - EDGE_SECONDS and call.removed + EDGE_SECONDS < connection.closed
        if not is_certain:
            continue
        if proof is None:
            yield "there is no proof", each
        elif screen in proof.painted:
            continue
        elif screen in proof.silent:
            yield "the proof contains no report", each
        elif screen in proof.unknown:
            yield "according to the proof, the screen could not report", each
        elif screen in proof.joined or screen in proof.left:
            yield "according to the proof, the screen connected or disconnected during the call", each
        else:
            yield "the proof does not contain the screen", each


def explain(shown: Shown, faults: Iterable[InjectedFault]) -> str:
    """Return which fault explains that a proof is missing; "" if none does."""
    if any(fault.cost.disconnects and was_lost_with_replica(shown, fault) for fault in faults):
        return "the replica was killed before it had written the proof"
    return ""


def was_lost_with_replica(shown: Shown, fault: InjectedFault) -> bool:
    """Return whether a fault has killed the replica that had shown a call, before its proof was in Redis."""
    connection, call = shown
    was_killed = connection.code == 1006 and fault.begin <= connection.closed < fault.begin + KILL_NOTICE_SECONDS
    return was_killed and call.shown <= fault.begin < call.removed + WRITTEN_WITHIN_SECONDS
