"""The processes of the load generator write complete records, and a run without all of them has no verdict."""

import json
import sys
import zlib
from types import SimpleNamespace

import pytest

from loadtests.generators import locust, transfer
from loadtests.generators.begin import write_begin
from loadtests.generators.locust import Locust
from loadtests.generators.transfer import RECORDS, RecordFiles, send_records
from loadtests.measure.records import Press, Records
from loadtests.profiles import PROFILES

PRESSES = [Press("s", 4, 10.0)]


class Runner:
    """Delivers the messages that send_records() sends to the listener that RecordFiles registers."""

    def register_message(self, kind: str, listener) -> None:
        self.kind, self.listener = kind, listener

    def send_message(self, kind: str, data: dict) -> None:
        assert kind == self.kind == RECORDS
        self.listener(None, SimpleNamespace(node_id=self.worker, data=data))


def test_the_records_of_each_worker_arrive_complete_though_they_are_sent_in_pieces(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(transfer, "PIECE_BYTES", 50)
    runner = Runner()
    files = RecordFiles(runner, tmp_path)
    for runner.worker in ("first", "second"):
        assert files.complete == ("first", "second").index(runner.worker)
        send_records(runner, Records(PRESSES, name=runner.worker))

    found = Records.read(sorted(tmp_path.glob("*.json")))
    assert [each.name for each in found.generators] == ["first", "second"]
    assert found.presses == PRESSES * 2


def test_records_of_which_a_piece_is_missing_are_not_complete(tmp_path) -> None:
    runner = Runner()
    files = RecordFiles(runner, tmp_path)
    runner.worker = "first"
    runner.send_message(RECORDS, {"piece": zlib.compress(Records().to_json().encode())[:20], "last": False})

    assert files.complete == 0


@pytest.mark.parametrize(
    ("files", "exit_code", "error"), [(2, 0, ""), (3, 0, "2 of 3"), (1, 0, "2 of 1"), (2, 5, "code 5")]
)
def test_a_run_without_the_records_of_all_processes_has_no_verdict(
    files, exit_code, error, tmp_path, monkeypatch
) -> None:
    # A program takes the place of Locust: it ends at once, and its processes have written two files.
    monkeypatch.setattr(locust.subprocess, "Popen", started := Popen(exit_code))
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text(json.dumps({}))
    write_begin(tmp_path, 100.0, files=files)
    run = Locust(PROFILES["smoke"], "http://127.0.0.1:1", tmp_path, processes=2, workers=0, port=0)

    assert run.begin() == 100.0
    if error:
        with pytest.raises(SystemExit, match=error):
            run.finish()
    else:
        assert [file.name for file in run.finish()] == ["a.json", "b.json"]
    assert started.argv[:3] == [sys.executable, "-m", "locust"]


class Popen:
    """Starts a program that ends at once with an exit code, and remembers the command line that it should start."""

    real = locust.subprocess.Popen

    def __init__(self, exit_code: int) -> None:
        self.exit_code, self.argv = exit_code, []

    def __call__(self, argv, env):
        self.argv = argv
        return Popen.real([sys.executable, "-c", f"raise SystemExit({self.exit_code})"], env=env)
