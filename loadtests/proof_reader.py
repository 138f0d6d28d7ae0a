"""Reads the proofs of calls from the database of a topology."""

import json
import time

from cashier_local.topology import Topology
from loadtests.verdict.proofs import ProvenCall

SOONEST_SECONDS, LATEST_SECONDS = 75.0, 90.0
"""How long after the end of the run the proofs are read.

A replica closes a proof 60 s after the end of the call, and writes it within a second. The service tasks stores proofs
every five or six seconds. As soon as one replica has told its part, the call has a proof, so the time must be waited.
"""
CODE_THAT_COUNTS_CALLS_WITHOUT_PROOF = """
from cashier_web.models import PastCall
print(PastCall.objects.filter(outcome__in=["shown", "replaced"], proof__isnull=True).count())
"""
CODE_THAT_PRINTS_PROOFS = """
import json
from cashier_web.history.proof_summary import screen_key, summarize
from cashier_web.models import PastCall, Screen
numbers = {pk: int(name) for pk, name in Screen.objects.values_list("pk", "name")}
for call_id, proof in PastCall.objects.filter(proof__isnull=False).values_list("mark", "proof").iterator():
    summary = summarize(proof)
    painted = [each.credential_id for each in summary.reports if each.paint_ms is not None]
    not_painted = [each.credential_id for each in summary.reports if each.paint_ms is None]
    lists = [painted, summary.silent + not_painted, summary.unknown, summary.joined, summary.left]
    print(json.dumps([call_id, *([numbers[screen_key(each)] for each in ids] for ids in lists)]))
"""
"""Prints a line for each call: its id, and the lists of ProvenCall."""


def read_proofs(topology: Topology) -> list[ProvenCall]:
    """Wait until the database of the topology contains the proofs of all calls, and return the proofs.

    Must be called at the end of a run. After a fault, some calls never get a proof. Therefore the function waits no
    longer than LATEST_SECONDS.
    """
    ended = time.monotonic()
    time.sleep(SOONEST_SECONDS)
    while int(run(topology, CODE_THAT_COUNTS_CALLS_WITHOUT_PROOF)) and time.monotonic() < ended + LATEST_SECONDS:
        time.sleep(1)
    lines = map(json.loads, run(topology, CODE_THAT_PRINTS_PROOFS).splitlines())
    return [ProvenCall(call_id, *map(frozenset, lists)) for call_id, *lists in lines]


def run(topology: Topology, code: str) -> str:
    """Run Python code in the service web, and return its output. Raises CannotStart if the code fails."""
    return topology.manage("shell", "--no-imports", "-c", code)
