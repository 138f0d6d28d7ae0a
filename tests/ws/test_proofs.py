"""A replica proves each call with the reports of its screens, and refuses reports that are wrong."""

import asyncio
import json
import re
import signal
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from cashier_core import proof_stream
from cashier_core.call import Call
from cashier_core.events import Event, Version
from cashier_core.idle import Idle
from cashier_core.proof_stream import KEY, CallReport, ProofReader, ReplicaProof
from cashier_core.snapshot import Snapshot
from cashier_core.timeline_reader import connect
from cashier_ws import metrics
from cashier_ws.allowance import BURST
from cashier_ws.boards import proof_writer
from cashier_ws.boards.board import Board
from cashier_ws.boards.hub import Hub
from cashier_ws.boards.playlist import Slot
from cashier_ws.boards.proof_writer import ProofWriter
from cashier_ws.boards.proofs import CLOSE_SECONDS, MOST_LISTED, MOST_MS, Proofs
from cashier_ws.boards.reports import MOST_CALLS, Reporter
from loadtests.clients.asyncio_screen import open_screen
from loadtests.clients.websocket_frames import TEXT
from tests.support.board_screen import SilentScreen
from tests.support.ws_server import SERVERS, figures, path_of, serve

pytestmark = pytest.mark.anyio
REPLICA = "0123456789abcdef"
"""The id of a replica."""
PAGES = Path(__file__).parents[2] / "services/web/src/cashier_web/static/cashier_web/screen"


def screen(credential_id: str = "", *, can_report: bool = True) -> Reporter:
    reporter = Reporter(credential_id, 0.0)
    reporter.can_report = can_report
    return reporter


def slot_of(call_id: str, *, whole: bool = True) -> Slot:
    """Return a call that is shown from 0 s to 3 s on the event loop's clock."""
    return Slot("epoch", Call(call_id, 1, 4, "en", 0, 3000), 0.0, whole)


def report(*calls: list) -> str:
    return json.dumps({"calls": calls})


def closed(proofs: Proofs, now: float = 3 + CLOSE_SECONDS) -> ReplicaProof:
    """Return the only proof that is closed at this time."""
    (proof,) = proofs.close_due(now, "replica")
    return proof


def show(proofs: Proofs, *screens: Reporter, call_id: str = "call", whole: bool = True) -> None:
    """Show a call on these screens, from its begin to its end."""
    proofs.end(proofs.begin("store", slot_of(call_id, whole=whole), screens), 3.0)


def test_a_call_is_owed_to_the_screens_that_are_connected_from_its_begin_to_its_end() -> None:
    proofs, stays, leaves, comes = Proofs(), screen("1.1"), screen("2.1"), screen("3.1")
    proof = proofs.begin("store", slot_of("call"), [stays, leaves])
    proof.leave(leaves)
    proof.join(comes)
    proofs.end(proof, 3.0)
    proofs.add_calls("store", stays, [["call", 41, 12]])
    proofs.add_calls("store", comes, [["call", 30, 5]])

    assert closed(proofs) == ReplicaProof(
        store="store",
        call_id="call",
        replica="replica",
        reports=[CallReport("1.1", 41, 12)],
        joined=["3.1"],
        left=["2.1"],
        other_reports=[CallReport("3.1", 30, 5)],
    )


def test_if_the_board_shows_only_the_rest_of_a_call_the_call_is_owed_to_no_screen() -> None:
    proofs = Proofs()
    show(proofs, screen("1.1"), whole=False)

    assert closed(proofs).screens == {"joined": ["1.1"]}


def test_a_proof_is_closed_a_minute_after_the_end_of_its_call() -> None:
    proofs = Proofs()
    show(proofs, screen(), call_id="first")
    second = proofs.begin("store", slot_of("second"), [screen()])

    assert list(proofs.close_due(3 + CLOSE_SECONDS - 0.1, "replica")) == []
    assert closed(proofs).call_id == "first"
    assert list(proofs.close_due(1e9, "replica")) == [], "the second call has not ended"
    proofs.end(second, 80.0)
    assert closed(proofs, 80 + CLOSE_SECONDS).call_id == "second"


def test_a_call_without_any_screen_has_no_proof() -> None:
    proofs = Proofs()
    show(proofs)

    assert list(proofs.close_due(1e9, "replica")) == []


def test_a_screen_that_reports_nothing_is_silent_and_one_that_cannot_report_is_unknown() -> None:
    proofs = Proofs()
    show(proofs, screen("1.1"), screen(), screen("2.1", can_report=False))
    proof = closed(proofs)

    assert (sorted(proof.silent), proof.unknown) == (["", "1.1"], ["2.1"])


def test_if_the_replica_ends_screens_that_have_not_reported_yet_are_unknown() -> None:
    proofs = Proofs()
    show(proofs, screen("1.1"))
    shown = proofs.begin("store", slot_of("shown"), [screen("2.1"), left := screen("3.1")])
    shown.leave(left)

    assert [proof.screens for proof in proofs.close_all("replica")] == [
        {"unknown": ["1.1"]},
        {"unknown": ["2.1"], "left": ["3.1"]},
    ]


def test_a_call_that_a_new_board_continues_has_one_proof() -> None:
    """The board of a store is removed ten seconds after its last screen has left, and may be created again."""
    proofs, first, second = Proofs(), screen("1.1"), screen("2.1")
    proof = proofs.begin("store", slot_of("call"), [first])
    proof.leave(first)
    proofs.end(proof, 1.0)
    show(proofs, second, whole=False)

    assert list(proofs.close_due(1 + CLOSE_SECONDS, "replica")) == [], "the call has ended later"
    assert closed(proofs).screens == {"joined": ["2.1"], "left": ["1.1"]}


def test_a_call_that_is_shown_again_on_the_same_board_lists_each_screen_once() -> None:
    """Redis may lose that another call was cancelled. The call that is shown then begins again later."""
    proofs, stays, leaves, comes = Proofs(), screen("1.1"), screen("2.1"), screen("3.1")
    proofs.end(proofs.begin("store", slot_of("call"), [stays, leaves]), 1.0)
    show(proofs, stays, comes)

    assert closed(proofs).screens == {"silent": ["1.1"], "joined": ["3.1"], "left": ["2.1"]}


def test_a_screen_that_is_switched_off_before_it_has_reported_is_unknown() -> None:
    proofs, reporter = Proofs(), screen("1.1")
    show(proofs, reporter)
    reporter.has_left = True

    assert closed(proofs).screens == {"unknown": ["1.1"]}


def test_two_stores_may_have_calls_with_the_same_id() -> None:
    proofs = Proofs()
    for store in ("first", "second"):
        proofs.end(proofs.begin(store, slot_of("call"), [screen(f"{store}.1")]), 3.0)

    assert [proof.silent for proof in proofs.close_due(3 + CLOSE_SECONDS, "replica")] == [["first.1"], ["second.1"]]


def test_the_time_of_a_removal_counts_from_the_real_end_of_a_call_that_was_replaced() -> None:
    """The page only knows when the call should have ended."""
    proofs, reporter = Proofs(), screen("1.1")
    proofs.end(proofs.begin("store", slot_of("call"), [reporter]), 1.0)
    proofs.add_calls("store", reporter, [["call", 41, -1985]])

    assert closed(proofs).reports == [CallReport("1.1", 41, 15)]


@pytest.mark.parametrize(
    ("store", "text", "reason"),
    [
        ("store", report(["never sent", 1, 1]), "unknown_call"),
        ("another", report(["call", 1, 1]), "unknown_call"),
        ("store", "{", "invalid"),
        ("store", "[" * 1000, "invalid"),
        ("store", "{}", "invalid"),
        ("store", report(["call", 1]), "invalid"),
        ("store", report(["call", -1, 1]), "invalid"),
        ("store", report(["call", 1, 10**9]), "invalid"),
        ("store", report(["call", True, 1]), "invalid"),
        ("store", report(["call", 1.5, 1]), "invalid"),
        ("store", report([["call"], 1, 1]), "invalid"),
        ("store", report("call"), "invalid"),
        ("store", report(*[["call", 1, 1]] * (MOST_CALLS + 1)), "invalid"),
    ],
    ids=str,
)
def test_a_false_report_is_counted_and_changes_no_proof(store, text, reason) -> None:
    hub, reporter = Hub(None, None, 40), screen("1.1")
    show(hub.proofs, reporter)
    before = refused(reason)
    hub.take_report(store, reporter, text)

    assert refused(reason) == before + 1
    assert closed(hub.proofs).screens == {"silent": ["1.1"]}


def refused(reason: str) -> float:
    return metrics.REFUSED_CALL_REPORTS.labels(reason)._value.get()


def test_an_invalid_report_does_not_prove_that_a_page_can_report() -> None:
    hub, reporter = Hub(None, None, 40), screen("1.1", can_report=False)
    show(hub.proofs, reporter)
    hub.take_report("store", reporter, "{}")
    assert closed(hub.proofs).screens == {"unknown": ["1.1"]}


def test_the_page_and_the_replica_use_the_same_limits() -> None:
    script = (PAGES / "reports.js").read_text() + (PAGES / "call_reports.js").read_text()
    limits = {
        name: int(value.replace("_", "")) for name, value in re.findall(r"^const (\w+) = ([\d_]+);", script, re.M)
    }

    assert (limits["MOST_CALLS"], limits["MOST_MS"]) == (MOST_CALLS, MOST_MS)
    assert limits["PAINT_MS"] + limits["REPORT_MS"] + limits["SPREAD_MS"] < CLOSE_SECONDS * 1000
    assert limits["MOST_KEPT"] / MOST_CALLS < BURST


def test_a_wrong_value_does_not_spoil_the_rest_of_a_report() -> None:
    proofs, reporter = Proofs(), screen("1.1")
    show(proofs, reporter)
    proofs.add_calls("store", reporter, [["another", 1, 10**9], ["call", 41, 12]])

    assert closed(proofs).reports == [CallReport("1.1", 41, 12)]


def test_the_first_report_of_a_call_counts_and_a_later_one_changes_nothing() -> None:
    proofs, reporter = Proofs(), screen("1.1")
    show(proofs, reporter)
    proofs.add_calls("store", reporter, [["call", None, None], ["call", 5, 5]])
    proofs.add_calls("store", reporter, [["call", 6, 6]])
    proof = closed(proofs)
    proofs.add_calls("store", reporter, [["call", 7, 7]])

    assert proof.reports == [CallReport("1.1", None, None)]
    assert list(proofs.close_due(1e9, "replica")) == []


def test_the_report_of_a_paired_screen_that_connects_after_the_call_is_kept() -> None:
    proofs = Proofs()
    show(proofs, screen())
    proofs.add_calls("store", screen("1.1"), [["call", 41, 12]])
    proofs.add_calls("store", screen(), [["call", 5, 5]])

    assert closed(proofs).screens == {"silent": [""], "other_reports": [CallReport("1.1", 41, 12)]}


def test_screens_that_connect_again_and_again_do_not_fill_the_memory() -> None:
    proofs = Proofs()
    proof = proofs.begin("store", slot_of("call"), [screen()])
    for number in range(MOST_LISTED + 10):
        proof.join(screen(f"{number}.1"))
    for _ in range(MOST_LISTED + 10):
        proof.leave(screen())
    proofs.end(proof, 3.0)
    for number in range(MOST_LISTED + 10):
        proofs.add_calls("store", screen(f"{number}.1"), [["call", 1, 1]])
    found = closed(proofs)

    assert [len(each) for each in (found.joined, found.left, found.other_reports)] == [MOST_LISTED] * 3


async def test_a_call_that_the_board_gets_too_late_to_show_it_is_owed_to_its_screens() -> None:
    """Otherwise the proof would say that all screens have shown the call."""
    proofs = Proofs()
    board = Board("store", Idle("en"), proofs)
    board.adopt(Snapshot(Version(), 0, None, ()), board.version, 0.0)
    joined = SilentScreen("1.1")
    joined.reporter.can_report = True
    board.join(joined)
    call = Call("call", 1, 4, "en", -5000, 3000)
    board.cashier_message(Event("store", Version("epoch", 1, "call"), "", 1, Idle("en"), call))
    now = asyncio.get_running_loop().time()
    board.stop()

    assert closed(proofs, now + CLOSE_SECONDS).screens == {"silent": ["1.1"]}


@pytest.mark.parametrize("kind", SERVERS)
async def test_a_replica_that_ends_writes_the_reports_of_its_screens_to_redis(
    valkey, tmp_path, store, press, kind
) -> None:
    with Redis.from_url(valkey.url) as redis:
        redis.delete(KEY)  # The stream contains the proofs of earlier tests.
    with serve(kind, valkey.url, tmp_path) as server:
        paired, other, leaves = [
            await open_screen(server.url, path_of(store, credential_id=each)) for each in ("7.1", "", "8.1")
        ]
        for each in (paired, other, leaves):
            await each.until(1, 5)
        call_id = press(4, hold_ms=1500).call_id
        await leaves.until(2, 5)
        leaves.close()
        joins = await open_screen(server.url, path_of(store, credential_id="9.1"))
        for each, count in ((paired, 3), (other, 3), (joins, 2)):
            await each.until(count, 5)
        paired.send(TEXT, report([call_id, 41, 12]).encode())
        async with asyncio.timeout(5):
            while not (await figures(server))["cashier_call_reports_total"]:
                pass
        assert (await figures(server))["cashier_screen_paint_seconds_sum"] == pytest.approx(0.041)
        server._stopping.set()
        server.kill(signal.SIGTERM)
        await asyncio.to_thread(server._child.wait, 10)
        assert not server.log.has("Traceback"), "\n".join(server.log.lines)

    with Redis.from_url(valkey.url) as redis:
        written = [json.loads(content) for _entry_id, content in ProofReader(redis).entries(1000)]
        assert 0 < redis.ttl(KEY) <= 7 * 86_400
    (proof,) = [each for each in written if each["store"] == store]
    del proof["replica"]
    assert proof == {
        "store": store,
        "call_id": call_id,
        "reports": [["7.1", 41, 12]],
        "unknown": [""],
        "joined": ["9.1"],
        "left": ["8.1"],
    }


async def test_proofs_wait_while_redis_does_not_answer(own_valkey) -> None:
    proofs = proofs_that_are_due("call")
    async with connect(own_valkey.url) as redis:
        writer = ProofWriter(proofs, redis, REPLICA)
        own_valkey.stop()
        with pytest.raises((OSError, RedisError)):
            await writer.write_due()
        own_valkey.start()
        await writer.write_due()
        await writer.write_due()

        assert await redis.xlen(KEY) == 1


async def test_if_redis_does_not_answer_for_long_later_proofs_are_lost_and_counted(own_valkey, monkeypatch) -> None:
    monkeypatch.setattr(proof_writer, "MOST_WAITING_BYTES", 150)
    proofs, before = proofs_that_are_due("first", "second", "third"), metrics.LOST_PROOFS._value.get()
    async with connect(own_valkey.url) as redis:
        writer = ProofWriter(proofs, redis, REPLICA)
        own_valkey.stop()
        with pytest.raises((OSError, RedisError)):
            await writer.write_due()
        assert metrics.LOST_PROOFS._value.get() == before + 2
        own_valkey.start()
        await writer.write_due()

        assert await redis.xlen(KEY) == 1


async def test_a_full_stream_gets_no_more_proofs_and_the_loss_is_counted(valkey, monkeypatch, caplog) -> None:
    monkeypatch.setattr(proof_stream, "MAX_BYTES", 1)
    before = metrics.LOST_PROOFS._value.get()
    async with connect(valkey.url) as redis:
        await redis.delete(KEY)
        await ProofWriter(proofs_that_are_due("first"), redis, REPLICA).write_due()
        writer = ProofWriter(proofs_that_are_due("second", "third"), redis, REPLICA)
        await writer.write_due()

        assert await redis.xlen(KEY) == 1
    assert metrics.LOST_PROOFS._value.get() == before + 2
    assert caplog.text.count("proofs of calls are lost: their stream in Redis is full") == 1


def proofs_that_are_due(*call_ids: str) -> Proofs:
    proofs, now = Proofs(), asyncio.get_running_loop().time()
    for call_id in call_ids:
        proofs.end(proofs.begin("store", slot_of(call_id), [screen()]), now - CLOSE_SECONDS)
    return proofs
