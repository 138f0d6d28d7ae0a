"""The tests start the program behind `make run` in the same way as a user.

They check its output and its error messages. They also check that all processes of the topology end with the program.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from cashier_local.ports import free_port, is_free, responds, wait_until
from cashier_local.process import DIES_WITH_PARENT
from cashier_local.topology import ROOT, Topology, prepare_data
from tests.support.topologies import Log


def start_program(port: object, folder, *options: str) -> "subprocess.Popen[str]":
    argv = [sys.executable, "-m", "cashier_local", "--port", str(port), "--folder", str(folder), *options]
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": "deploy/local", "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        argv, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def test_make_run_prints_the_addresses_and_ctrl_c_leaves_no_process(tmp_path) -> None:
    port, lines, is_ready = free_port(), [], threading.Event()
    process = start_program(port, tmp_path, "--replicas", "3")

    def read() -> None:
        for line in process.stdout:
            lines.append(line.rstrip())
            if "Ctrl-C" in line:
                is_ready.set()
        process.stdout.close()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        assert is_ready.wait(60), "\n".join(lines)
        assert f"  screen   http://127.0.0.1:{port}/" in lines
        assert f"  buttons  http://127.0.0.1:{port}/cashier_buttons" in lines
        assert "CASHIER_OPEN_BUTTONS=true: the buttons work without signing in." in lines
        assert any(line.startswith("   web | ") for line in lines)
        assert responds(f"http://127.0.0.1:{port}/cashier_buttons")
        assert len(processes_in(tmp_path)) > 8
    finally:
        process.send_signal(signal.SIGINT)
        code = process.wait(20)
        reader.join()

    assert code == 0
    assert processes_in(tmp_path) == []
    assert is_free(port)


def processes_in(folder) -> list[str]:
    """Return the process ids of all processes whose working directory is this folder or a folder below it."""
    pids = []
    for cwd in Path("/proc").glob("[0-9]*/cwd"):
        # If a process ends while the test looks at it, the file access raises OSError. An ended process is not listed.
        with contextlib.suppress(OSError):
            if cwd.readlink().is_relative_to(folder):
                pids.append(cwd.parent.name)
    return pids


def test_a_port_in_use_is_reported_in_one_line(tmp_path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        process = start_program(port, tmp_path)
        output, _ = process.communicate(timeout=30)

    assert process.returncode == 1
    assert output.splitlines()[-1].startswith(f"cashier_q: port {port} is in use: ")
    assert "Traceback" not in output


@pytest.mark.parametrize(
    ("port", "options"),
    [("abc", []), ("0", []), ("70000", []), ("8000", ["--replicas", "0"]), ("8000", ["--replicas", "x"])],
)
def test_a_bad_option_is_refused(tmp_path, port, options) -> None:
    process = start_program(port, tmp_path, *options)
    output, _ = process.communicate(timeout=30)

    assert process.returncode == 2
    assert "is not a whole number from 1 to" in output


def test_a_bad_setting_is_reported_in_one_line_that_names_the_setting(tmp_path) -> None:
    argv = [sys.executable, "-m", "cashier_local", "--port", str(free_port()), "--folder", str(tmp_path)]
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": "deploy/local", "DATABASE_URL": "mysql://x"}
    completed = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)

    assert completed.returncode == 1
    assert "cashier_q: DATABASE_URL: must start with sqlite:// or postgres://" in completed.stderr
    assert "Traceback" not in completed.stderr


def test_the_redis_at_redis_url_is_used_and_no_other_redis_is_started(valkey, run_topology, tmp_path) -> None:
    with run_topology(tmp_path, REDIS_URL=valkey.url) as topology:
        assert "redis" not in topology.processes
        assert responds(topology.url)


def test_a_second_run_in_the_same_folder_is_refused_and_the_first_continues(run_topology, tmp_path) -> None:
    with run_topology(tmp_path) as topology:
        process = start_program(free_port(), tmp_path)
        output, _ = process.communicate(timeout=30)

        assert process.returncode == 1
        assert output.splitlines()[-1].startswith("cashier_q: already running")
        assert responds(topology.url)


def test_ctrl_c_during_the_start_stops_without_a_traceback(tmp_path) -> None:
    process = start_program(free_port(), tmp_path)
    assert process.stdout.readline() == "cashier_q: starting\n"
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=30)

    assert process.returncode == 1
    assert output.splitlines()[-1] == "cashier_q: stopped before the start was complete"
    assert "Traceback" not in output
    assert processes_in(tmp_path) == []


def test_all_processes_end_when_make_run_is_killed(tmp_path) -> None:
    if not DIES_WITH_PARENT:
        pytest.skip("needs setpriv (util-linux, Linux only); without it, the processes of a killed `make run` continue")
    process = start_program(free_port(), tmp_path)
    for line in process.stdout:
        if "Ctrl-C" in line:
            break
    assert processes_in(tmp_path)
    process.kill()
    process.communicate(timeout=30)

    wait_until(lambda: processes_in(tmp_path) == [], 15, "all processes have ended")


def test_the_folder_may_have_any_name(run_topology, tmp_path) -> None:
    name = "with space p%20q x#y c$d é"
    with run_topology(tmp_path / name) as topology:
        assert responds(f"{topology.url}/cashier_buttons")
        assert (tmp_path / name / "cashier_q.sqlite3").exists()


def test_a_data_folder_that_cannot_be_created_is_reported_in_one_line(tmp_path) -> None:
    (tmp_path / "file").touch()
    process = start_program(free_port(), tmp_path / "file" / "folder")
    output, _ = process.communicate(timeout=30)

    assert process.returncode == 1
    assert output.splitlines()[-1].startswith("cashier_q: cannot create the data folder: ")


def test_a_topology_with_prepared_data_copies_the_database_and_the_static_files(tmp_path) -> None:
    prepare_data(tmp_path / "prepared", {"PATH": os.environ["PATH"]})
    environment = {"PATH": os.environ["PATH"], "CASHIER_OPEN_SCREENS": "true"}
    topology = Topology(tmp_path / "copy", Log(), environment=environment, prepared=tmp_path / "prepared")
    topology.start()
    try:
        page = httpx.get(topology.url)
        script = page.text.split('src="')[1].split('"')[0]
        assert page.status_code == 200
        assert httpx.get(topology.url + script).status_code == 200
    finally:
        topology.stop()

    assert (tmp_path / "copy" / "secret_key").read_text() != (tmp_path / "prepared" / "secret_key").read_text()
