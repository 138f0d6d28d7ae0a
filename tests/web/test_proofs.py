"""The proof of a call follows the call into the history: how many screens have painted its number, and how fast."""

import re
from datetime import timedelta

import pytest
from django.db import DataError
from django.utils import timezone

from cashier_core.proof_stream import KEY, CallReport, ReplicaProof
from cashier_web.history import proofs, recorder
from cashier_web.history.proof_summary import ProofSummary, summaries_of
from cashier_web.history.proofs import record_proofs
from cashier_web.infra.redis_clients import the_timeline
from cashier_web.models import PastCall, Screen, Store

pytestmark = pytest.mark.django_db


@pytest.fixture
def call(store, redis) -> PastCall:
    redis.delete(KEY)
    return make_call(store)


def make_call(store: Store | None, mark: str = "call") -> PastCall:
    now = timezone.now() - timedelta(seconds=70)
    times = {"pressed_at": now, "starts_at": now, "ends_at": now + timedelta(seconds=3)}
    return PastCall.objects.create(store=store, mark=mark, seq=1, till=4, language="en", outcome="shown", **times)


def proof(call_id: str = "call", replica: str = "a", store: str = "default", **screens) -> ReplicaProof:
    return ReplicaProof(store, call_id, replica, **screens)


def record(redis, *proofs: ReplicaProof, entries: int | None = None) -> None:
    """Add proofs to the stream, and save them. entries: the number of entries in the stream."""
    for each in proofs:
        redis.xadd(KEY, {"proof": each.to_json()})
    assert record_proofs() == (entries or len(proofs))
    assert redis.xlen(KEY) == 0


def cell(client) -> str:
    """Return what the history says about the screens of the only call."""
    page = client.get("/history").content.decode()
    (text,) = re.findall(r'<td class="proof"[^>]*>(.*?)</td>', page, re.DOTALL)
    return " ".join(re.sub(r"</?div[^>]*>", " ", text).split())


def summary_of(call: PastCall) -> ProofSummary:
    call.refresh_from_db()
    return summaries_of([call])[call.pk]


def test_the_history_says_how_many_screens_have_painted_a_call_and_how_late(client, manager, call, redis) -> None:
    record(redis, proof(reports=[CallReport("1.1", 41, 12), CallReport("", 20, -9), CallReport("", 60, 30)]))

    assert cell(client) == "Painted on screens: 3 of 3 after 41 ms (at most 60), removed 12 ms late (at most 30)"


def test_the_history_names_the_screens_that_are_missing(client, manager, store, call, redis) -> None:
    dark, silent = [
        Screen.objects.create(store=store, name=name, secret_hash=name) for name in ("Entrance", "Café <1>")
    ]
    reports = [CallReport(dark.credential_id, None, None), CallReport("", 41, 12)]
    record(redis, proof(reports=reports, silent=[silent.credential_id, "", "999999.1"], unknown=["", ""]))

    assert cell(client) == (
        "Painted on screens: 1 of 5 after 41 ms (at most 41), removed 12 ms late (at most 12) "
        "Not painted on: Café &lt;1&gt;, Entrance, 2 without a name No information: 2"
    )


def test_the_history_says_if_no_screen_could_report(client, manager, call, redis) -> None:
    record(redis, proof(unknown=["1.1"]))

    assert cell(client) == "No information: 1"


def test_the_history_lists_screens_that_were_not_connected_all_the_time(client, manager, call, redis) -> None:
    record(redis, proof(joined=["1.1"], left=["1.1", "2.1", ""]))

    assert cell(client) == "Connected or disconnected meanwhile: 3"


def test_a_number_that_was_shown_for_too_short_a_time_is_not_hidden(client, manager, call, redis) -> None:
    record(redis, proof(reports=[CallReport("1.1", 23, -2900), CallReport("2.1", 23, -499)]))

    assert cell(client).endswith("Removed too early: 1")


def test_the_proofs_of_all_replicas_count_together(call, redis) -> None:
    record(redis, proof(reports=[CallReport("1.1", 10, 1)], left=["3.1"]))
    record(redis, proof(replica="b", reports=[CallReport("2.1", 30, 3)], unknown=["4.1"]))
    summary = summary_of(call)

    assert (summary.known, summary.painted, summary.unknown, summary.left) == (2, 2, ["4.1"], ["3.1"])
    assert (summary.paint_median, summary.paint_worst, summary.removal_median, summary.removal_worst) == (20, 30, 2, 3)


@pytest.mark.parametrize(
    "owed", [{"silent": ["1.1"]}, {"unknown": ["1.1"]}, {"reports": [CallReport("1.1", None, None)]}]
)
@pytest.mark.parametrize(
    "later", [{"other_reports": [CallReport("1.1", 10, 1)], "joined": ["1.1"]}, {"reports": [CallReport("1.1", 10, 1)]}]
)
def test_a_screen_that_reports_on_another_connection_counts_once(call, redis, owed, later) -> None:
    """The screen has reported to another replica, or its first connection was dead during the call."""
    record(redis, proof(**owed), proof(replica="b", **later))
    summary = summary_of(call)

    assert (summary.known, summary.painted, summary.missing_ids) == (1, 1, [])
    assert (summary.unknown, summary.changed) == ([], 0)


def test_a_screen_with_two_silent_connections_is_missing_once(call, redis) -> None:
    record(redis, proof(silent=["1.1", "1.1"]), proof(replica="b", silent=["1.1"], joined=["1.1"]))

    assert summary_of(call).missing_ids == ["1.1"]


def test_a_screen_that_reports_to_another_replica_that_it_has_not_painted_is_missing(call, redis) -> None:
    record(redis, proof(unknown=["1.1"]), proof(replica="b", other_reports=[CallReport("1.1", None, None)]))
    summary = summary_of(call)

    assert (summary.known, summary.missing_ids, summary.unknown) == (1, ["1.1"], [])


def test_screens_that_are_not_paired_count_each(call, redis) -> None:
    record(redis, proof(reports=[CallReport("", 1, 1)] * 2, silent=["", ""]), proof(replica="b", unknown=[""]))
    summary = summary_of(call)

    assert (summary.known, summary.painted, summary.missing_ids, summary.unknown) == (4, 2, ["", ""], [""])


def test_the_same_proof_twice_counts_once(call, redis) -> None:
    """The service tasks may die after it has saved a proof and before it has removed the proof from Redis."""
    for _ in range(2):
        record(redis, proof(reports=[CallReport("1.1", 10, 1), CallReport("", 10, 1)]))

    assert summary_of(call).known == 2


def test_the_call_of_a_deleted_store_gets_its_proof_and_a_call_of_another_store_does_not(call, redis) -> None:
    deleted = make_call(None)
    PastCall.objects.filter(pk=deleted.pk).update(deleted_store="gone")
    record(redis, proof(store="gone", silent=[""]))
    call.refresh_from_db()

    assert call.proof is None
    assert summary_of(deleted).silent == [""]


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"store": "default"}', "\\ud800"])
def test_an_entry_that_is_no_proof_is_logged_and_the_others_are_saved(call, redis, caplog, content) -> None:
    redis.xadd(KEY, {"proof": content})
    record(redis, proof(silent=[""]), entries=2)

    assert summary_of(call).silent == [""]
    assert "this proof of a call is invalid" in caplog.text


def test_a_proof_waits_until_its_call_is_in_the_database(client, store, redis) -> None:
    """The task that saves calls may fail, while the task that saves proofs works."""
    client.post("/cashier_action", {"cashier": "4", "language": "en"})
    (later,) = the_timeline().snapshot("default").calls
    redis.xadd(KEY, {"proof": proof(later.call_id, silent=[""]).to_json()})
    assert record_proofs() == 0
    recorder.record_calls()

    assert record_proofs() == 1
    assert summary_of(PastCall.objects.get()).silent == [""]


def test_the_proof_of_a_call_that_is_not_in_the_history_is_logged(call, redis, caplog) -> None:
    for each in (proof("another", silent=[""]), proof(silent=[""])):
        redis.xadd(KEY, {"proof": each.to_json()}, id="1000-*")
    redis.xadd("cashier:history", {"changes": "[]"})  # This change is younger than the calls.
    record_proofs()

    assert "proofs are lost, because the history does not contain their calls: 1" in caplog.text
    assert summary_of(call).silent == [""]


def test_a_proof_that_the_database_refuses_does_not_stop_the_others(call, redis, caplog, monkeypatch) -> None:
    save_proofs = proofs.save_proofs

    def refuse_one(entries):
        if any(each.replica == "refused" for each in entries.values()):
            raise DataError("no such character")
        return save_proofs(entries)

    monkeypatch.setattr(proofs, "save_proofs", refuse_one)
    record(redis, proof(replica="refused", silent=[""]), proof(replica="b", silent=["", ""]))

    assert summary_of(call).silent == ["", ""]
    assert "the proof of the call call of default can't be saved" in caplog.text


def test_the_history_page_works_if_a_later_version_has_stored_another_proof(client, manager, call) -> None:
    for stored in ({"a": ["x"]}, {"a": {"silent": ["x"]}}, {"a": {"reports": [[1, 2, 3, 4]]}}):
        PastCall.objects.update(proof=stored)

        assert client.get("/history").status_code == 200


def test_the_calls_of_proofs_are_found_with_an_index(store) -> None:
    for key in (store.pk, None):
        plan = proofs.calls_of("default", key, {"a": 1, "b": 2}).explain()

        assert "SCAN cashier_web_pastcall" not in plan
        assert "mark=?" in plan or "each_call" in plan
