"""Reads the proofs of calls from the database of a topology."""

import json
import re

import httpx
from redis import Redis

from cashier_core.proof_stream import KEY
from cashier_local.ports import wait_until
from cashier_local.topology import Topology
from loadtests.verdict.proofs import ProvenCall

PROOFS_WITHIN_SECONDS = 120.0
"""How long after a run the database contains the proofs of all its calls. A proof is closed 60 s after its call."""
OPEN_PROOFS = re.compile(r"^cashier_call_proofs_open (\S+)", re.MULTILINE)
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
    """Wait until the database of the topology contains all proofs, and return the proofs.

    Must be called after the last call has ended. Raises TimeoutError if proofs are still missing after
    PROOFS_WITHIN_SECONDS.
    """
    with Redis.from_url(topology.redis_url) as redis:
        wait_until(lambda: not open_proofs(topology), PROOFS_WITHIN_SECONDS, "the replicas have written all proofs")
        wait_until(lambda: not redis.xlen(KEY), PROOFS_WITHIN_SECONDS, "all proofs are stored")
    lines = map(json.loads, run(topology, CODE_THAT_PRINTS_PROOFS).splitlines())
    return [ProvenCall(call_id, *map(frozenset, lists)) for call_id, *lists in lines]


def open_proofs(topology: Topology) -> int:
    """Return how many proofs the replicas have not written to Redis yet."""
    texts = [httpx.get(f"http://127.0.0.1:{port}/metrics").text for port in topology.ws_ports]
    return sum(int(float(count)) for text in texts for count in OPEN_PROOFS.findall(text))


def run(topology: Topology, code: str) -> str:
    """Run Python code in the service web, and return its output. Raises CannotStart if the code fails."""
    return topology.manage("shell", "--no-imports", "-c", code)
