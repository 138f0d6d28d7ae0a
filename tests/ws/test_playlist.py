"""The playlist of a board shows calls in the right order and for the right time.

This is also true if the announcement of a call is lost or late, or if a queued call is cancelled.
"""

from dataclasses import replace

import pytest

from cashier_core.call import Call
from cashier_ws.boards.playlist import Playlist


@pytest.mark.parametrize(("whole", "ends"), [(True, (3.5, 6.5)), (False, (3.0, 6.0))])
def test_a_call_whose_announcement_was_lost_is_shown_after_a_snapshot_is_read(whole, ends) -> None:
    first, second = Call("a", 1, 4, "en", 0, 3000), Call("b", 2, 7, "en", 3000, 3000)
    playlist = Playlist()
    playlist.add("e", second, 0.0)  # the first call is missing, because its announcement was lost
    playlist.add("e", replace(first, starts_in_ms=-500), 0.5, whole=whole)

    assert playlist.play(0.5).call.seq == 1
    assert playlist.play(ends[0] - 0.01).call.seq == 1
    assert playlist.play(ends[0]).call.seq == 2
    assert playlist.play(ends[1] - 0.01).call.seq == 2
    assert playlist.play(ends[1]) is None


def test_a_call_does_not_move_into_the_gap_of_a_call_that_is_announced_later() -> None:
    playlist = Playlist()
    playlist.add("e", Call("a", 1, 4, "en", 0, 1000), 0.0)
    assert playlist.play(0.0).call.seq == 1
    playlist.add("e", Call("c", 3, 7, "en", 1249, 1000), 0.751)
    assert playlist.play(1.0) is None
    playlist.add("e", Call("b", 2, 4, "en", 249, 1000), 1.001)

    assert [playlist.play(at).call.seq for at in (1.3, 2.2, 2.3, 3.2)] == [2, 2, 3, 3]
    assert playlist.play(3.3) is None


def a_call(call_id: str, seq: int, starts_in_ms: int, hold_ms: int = 3000) -> Call:
    return Call(call_id, seq, seq, "en", starts_in_ms, hold_ms)


def test_a_call_that_is_already_shown_is_not_cancelled() -> None:
    playlist = Playlist()
    playlist.add("e", a_call("a", 1, 0), 0.0)
    assert playlist.play(0.0).call.seq == 1
    playlist.cancel("a")

    assert playlist.play(2.9).call.seq == 1
    assert playlist.play(3.0) is None


def test_a_call_that_is_cancelled_before_it_is_announced_is_never_shown() -> None:
    playlist = Playlist()
    for _ in range(3):
        playlist.cancel("a")
    playlist.add("e", a_call("a", 1, 0), 0.0)

    assert playlist.play(0.0) is None


def test_only_calls_of_the_same_epoch_move_up() -> None:
    playlist = Playlist()
    playlist.add("old", a_call("a", 1, 0), 0.0)
    playlist.add("old", a_call("b", 2, 3000), 0.0)
    playlist.add("new", a_call("c", 1, 8000), 0.0)
    playlist.cancel("b")

    assert [playlist.play(at) is None for at in (0.0, 3.0, 7.9, 8.0)] == [False, True, True, False]


def test_there_is_no_gap_before_a_call_that_has_moved_up() -> None:
    playlist = Playlist()
    playlist.add("e", a_call("a", 1, -1), 0.0)
    playlist.play(0.0)
    playlist.add("e", a_call("b", 2, 3000), 0.0)
    # The call begins at 6050 ms instead of 6000 ms, because its announcement arrived 50 ms late.
    playlist.add("e", a_call("c", 3, 6050), 0.0)
    playlist.cancel("b")

    assert [playlist.play(at).call.seq for at in (2.9, 3.01, 5.9)] == [1, 3, 3]


def test_a_call_moves_up_by_a_snapshot_if_the_cancelled_call_before_it_was_never_announced() -> None:
    playlist = Playlist()
    playlist.add("e", a_call("a", 1, 0), 0.0)
    playlist.play(0.0)
    playlist.add("e", a_call("c", 3, 6000), 0.0)  # call b is missing, because its announcement was lost
    playlist.cancel("b")
    playlist.add("e", a_call("c", 3, 2500), 0.5)

    assert [playlist.play(at).call.seq for at in (2.9, 3.0, 5.9)] == [1, 3, 3]
    assert playlist.play(6.0) is None


def test_a_call_that_redis_no_longer_has_is_removed_unless_it_has_ended_in_redis() -> None:
    playlist = Playlist()
    # The board begins the first call 1.5 s late.
    playlist.add("e", replace(a_call("a", 1, 0), ends_at_ms=3000), 1.5)
    playlist.add("e", replace(a_call("b", 2, 3000), ends_at_ms=6000), 1.5)
    # An older version of web has announced the third call, so the playlist does not know its end in Redis.
    playlist.add("e", a_call("c", 3, 6000), 1.5)
    assert playlist.play(1.5).call.call_id == "a"

    assert playlist.keep({"b"}, 3000) == 0
    assert playlist.play(4.4).call.call_id == "a"
    assert playlist.keep({}, 3001) == 1
    assert playlist.play(4.6) is None
    assert playlist.queued == 1


def test_a_snapshot_that_took_long_to_arrive_neither_delays_nor_interrupts_a_call() -> None:
    playlist = Playlist()
    for call in (a_call("a", 1, 0), a_call("b", 2, 3000)):
        playlist.add("e", call, 0.0)
    playlist.play(0.0)
    # Redis wrote the snapshot at 2.5 s, and the board adopts it at 4.0 s.
    assert playlist.play(3.0).call.call_id == "b"
    playlist.add("e", a_call("b", 2, 500), 4.0)

    assert playlist.play(4.0).call.call_id == "b"
    assert playlist.play(6.0) is None


def test_a_call_begins_again_later_if_redis_has_lost_that_the_call_before_it_was_cancelled() -> None:
    playlist = Playlist()
    playlist.add("e", a_call("b", 2, 0), 0.0)
    assert playlist.play(0.5).call.call_id == "b"
    for call in (a_call("a", 1, -500), a_call("b", 2, 2500)):
        playlist.add("e", call, 0.5, whole=False, may_begin_later=True)

    assert [playlist.play(at).call.call_id for at in (0.5, 2.9, 3.0, 5.9)] == ["a", "a", "b", "b"]
    assert playlist.play(6.0) is None
