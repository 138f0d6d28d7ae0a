"""The proofs of calls are compared with the records of the load generator, call by call and screen by screen."""

import json
from math import inf

import pytest

from cashier_core.screen_status import PageState, Sound
from cashier_ws.boards import reports
from cashier_ws.boards.proofs import MOST_MS
from cashier_ws.boards.reports import parse_report
from cashier_ws.daphne.report_frame import MAX_MESSAGE
from loadtests.chaos.kinds import cost_of_end
from loadtests.clients.call_reports import MOST_CALLS, PAGE_STATE, CallReports
from loadtests.clients.websocket_frames import parse_call
from loadtests.measure.injected_fault import InjectedFault
from loadtests.measure.records import ConnectionRecord
from loadtests.measure.shown_call import ShownCall
from loadtests.verdict.proofs import ProvenCall, compare


def connection(*calls: ShownCall, number: int = 7, closed: float = 200.0, code: int = 0) -> ConnectionRecord:
    """Return a connection that was opened at the time 1."""
    return ConnectionRecord(f"s/{number}", "s", 1.0, closed, code, paints=[(1.0, 0, 0)], calls=list(calls))


def call(at: float = 10.0, removed: float = 13.0, call_id: str = "a") -> ShownCall:
    return ShownCall(call_id, at, at + 3, removed)


def proof(call_id: str = "a", **screens: set[int]) -> ProvenCall:
    lists = {name: frozenset(screens.get(name, ())) for name in ("painted", "silent", "unknown", "joined", "left")}
    return ProvenCall(call_id, **lists)


def test_a_call_that_both_accounts_contain_agrees() -> None:
    balance = compare([connection(call()), connection(call(), number=8)], [proof(painted={7, 8})], [])

    assert (balance.agreed, balance.differences, balance.explained) == (2, [], {})


@pytest.mark.parametrize(
    ("proofs", "difference"),
    [
        ([], "there is no proof"),
        ([proof(silent={7})], "the proof contains no report"),
        ([proof(unknown={7})], "according to the proof, the screen could not report"),
        ([proof(joined={7})], "according to the proof, the screen connected or disconnected during the call"),
        ([proof(left={7})], "according to the proof, the screen connected or disconnected during the call"),
        ([proof()], "the proof does not contain the screen"),
    ],
)
def test_a_call_that_a_screen_has_shown_and_that_is_not_proven_is_a_difference(proofs, difference) -> None:
    balance = compare([connection(call())], proofs, [])

    assert balance.differences == [f"call a on screen 7: {difference}"]


def test_a_proof_of_a_call_that_the_screen_has_not_shown_is_a_difference() -> None:
    balance = compare([connection(call(), number=8)], [proof(painted={7, 8})], [])

    assert balance.differences == ["call a on screen 7: painted only according to the proof"]
    assert compare([connection()], [proof(painted={7})], []).differences == balance.differences


@pytest.mark.parametrize(
    ("shown", "closed"),
    [(call(at=1.2), 200.0), (call(removed=inf), 12.0), (call(), 13.2)],
    ids=["connects during the call", "disconnects during the call", "disconnects at the end of the call"],
)
def test_a_screen_that_was_not_certainly_connected_all_the_time_need_not_be_in_the_proof(shown, closed) -> None:
    assert compare([connection(shown, closed=closed)], [proof()], []).differences == []


def test_the_kill_of_a_replica_explains_missing_proofs_only_of_its_screens_and_only_for_a_minute() -> None:
    kill = InjectedFault(name="ws", begin=50.0, end=50.0, cost=cost_of_end("ws"))
    lost, other = connection(call(), closed=50.1, code=1006), connection(call(), number=8)
    old = connection(call(at=-60.0, removed=-57.0, call_id="old"), number=9, closed=50.1, code=1006)
    old.paints[0] = (-90.0, 0, 0)
    balance = compare([lost, other, old], [proof()], [kill])

    assert balance.explained == {"the replica was killed before it had written the proof": 1}
    assert balance.differences == [
        "call a on screen 8: the proof does not contain the screen",
        "call old on screen 9: there is no proof",
    ]


def test_a_simulated_screen_reports_its_calls_as_a_page_does() -> None:
    screen = CallReports()
    screen.connected(0.0)
    assert [json.loads(text) for text in screen.due(10.0)] == [{"calls": [], "page": PAGE_STATE}]
    screen.note(11.0, ("a", 3.0))
    screen.note(12.0, ("a", 2.0))  # The screen has connected again.
    screen.note(14.02, None)
    screen.note(15.0, ("b", 3.0))
    screen.note(16.0, ("c", 3.0))  # The call b was replaced.

    assert screen.due(49.0) == []
    assert [json.loads(text) for text in screen.due(60.0)] == [{"calls": [["a", 0, 20], ["b", 0, -2000]]}]
    assert screen.due(69.0) == []
    assert [json.loads(text) for text in screen.due(71.0)] == [{"calls": [], "page": PAGE_STATE}]
    assert screen.due(inf) == []


def test_the_state_of_a_simulated_page_is_one_that_a_replica_accepts() -> None:
    assert parse_report(json.dumps({"calls": [], "page": PAGE_STATE})).page == tuple(PAGE_STATE)


def test_a_screen_that_ends_reports_everything_in_reports_that_the_server_accepts() -> None:
    screen = CallReports()
    for number in range(50):
        screen.note(number * 4.0, (f"{number:032}", 3.0))
        screen.note(number * 4.0 + 3, None)
    texts = screen.due(inf)

    assert [len(json.loads(text)["calls"]) for text in texts] == [16, 16, 16, 2]
    assert all(len(text) <= 1024 for text in texts)


def test_the_longest_report_is_not_longer_than_a_screen_may_send() -> None:
    rows = [["a" * 32, MOST_MS, -MOST_MS]] * MOST_CALLS

    page = PageState(False, False, Sound.BLOCKED, "ab12cd34", 100_000, 100_000, "Samsung Internet 1000")

    assert MOST_CALLS == reports.MOST_CALLS
    assert len(json.dumps({"calls": rows, "page": page}, separators=(",", ":"))) <= MAX_MESSAGE


def test_the_call_of_a_fragment_is_found() -> None:
    shown = (
        b'<div id="message" data-seq="3" data-hold-ms="2500" data-waiting="Please" data-num-cashier="4" data-call="x1">'
    )

    assert parse_call(shown) == ("x1", 2.5)
    assert parse_call(b'<div id="message" data-seq="3" data-hold-ms="0">') is None
