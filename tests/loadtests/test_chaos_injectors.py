"""Each injector disturbs a running topology, and leaves nothing behind."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import psutil
import pytest

from cashier_local.ports import answers, wait_until
from loadtests.chaos.busy_cores import busy_cores
from loadtests.chaos.campaign import RECOVERY_SECONDS, Campaign
from loadtests.chaos.clock import LIBFAKETIME
from loadtests.chaos.disk import full_disk, small_disk
from loadtests.chaos.injectors import INJECTORS
from loadtests.chaos.kinds import LOCAL_KINDS, PROCESSES
from loadtests.chaos.local_topology import LocalChaosTopology
from loadtests.chaos.packets import at_port, comment, dropped, iptables
from loadtests.chaos.schedule import ScheduledFault
from tests.support.topologies import ENVIRONMENT, Log

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can drop packets and mount file systems")
SHORT_SECONDS = 0.5


@pytest.fixture(scope="module")
def chaos_topology(prepared_data, tmp_path_factory) -> Iterator[LocalChaosTopology]:
    topology = LocalChaosTopology(
        tmp_path_factory.mktemp("chaos"), Log(), environment=ENVIRONMENT, prepared=prepared_data
    )
    topology.start()
    yield topology
    topology.stop()


def ask_redis(port: int, command: bytes) -> bytes:
    """Send a command to Redis, and return its answer; b"" if there is none within half a second."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.5) as connection:
        connection.sendall(command + b"\r\n")
        return connection.recv(1000)
    return b""


def stopped_processes(topology: LocalChaosTopology) -> list[psutil.Process]:
    parents = [psutil.Process(process.pid) for process in topology.processes.values()]
    every = [each for parent in parents for each in (parent, *parent.children(recursive=True))]
    return [each for each in every if each.status() == psutil.STATUS_STOPPED]


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        *((kind, "ws1") for kind in ("kill", "stop", "pause", "stall link to Redis", "cut link to Redis")),
        *((kind, "press") for kind in ("kill worker", "pause worker", "delay link to Redis")),
        *(("kill", "redis"), ("kill", "nginx"), ("lose data", "redis"), ("starve", "cpu")),
        pytest.param("lose packets", "press", marks=needs_root),
        pytest.param("partition", "ws2", marks=needs_root),
    ],
)
def test_after_a_fault_everything_works_again(chaos_topology, kind, target) -> None:
    campaign = Campaign(chaos_topology, time.monotonic(), [ScheduledFault(1, 0.0, SHORT_SECONDS, kind, target)])
    with campaign.running():
        wait_until(lambda: bool(campaign.injected), RECOVERY_SECONDS, "the end of the fault")

    (fault,) = campaign.injected
    assert fault.recovered
    assert fault.cost == LOCAL_KINDS[kind].cost(target)
    assert fault.end >= fault.begin
    assert not stopped_processes(chaos_topology)
    assert all(chaos_topology.works(name) for name in PROCESSES)


def test_a_fault_that_has_not_ended_is_undone_when_the_run_is_interrupted(chaos_topology) -> None:
    faults = [
        ScheduledFault(1, 0.0, 300, "pause", "ws1"),
        ScheduledFault(2, 0.0, 300, "stall link to Redis", "press"),
        ScheduledFault(3, 300, 300, "pause", "ws2"),
    ]
    campaign = Campaign(chaos_topology, time.monotonic(), faults)

    def interrupt_the_run() -> None:
        with campaign.running():
            wait_until(lambda: bool(stopped_processes(chaos_topology)), 10, "the pause")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt_the_run()

    assert not stopped_processes(chaos_topology)
    wait_until(lambda: all(chaos_topology.works(name) for name in PROCESSES), 10, "everything works")


def test_a_link_that_is_stalled_or_cut_answers_again_afterwards(chaos_topology) -> None:
    port = int(chaos_topology.processes["web"].env["REDIS_URL"].rpartition(":")[2].partition("/")[0])
    for kind in ("stall link to Redis", "cut link to Redis"):
        with INJECTORS[kind](chaos_topology, "web"):
            assert ask_redis(port, b"PING") == b""
        assert ask_redis(port, b"PING") == b"+PONG\r\n"


def test_the_data_of_redis_are_lost(chaos_topology) -> None:
    ask_redis(chaos_topology.redis_port, b"SET kept 1")
    with INJECTORS["lose data"](chaos_topology, "redis"):
        assert ask_redis(chaos_topology.redis_port, b"GET kept") == b"$-1\r\n"


@pytest.mark.skipif(not LIBFAKETIME.exists(), reason="Debian's package libfaketime is not installed")
def test_the_clock_of_redis_moves_and_the_clock_of_the_machine_does_not(chaos_topology) -> None:
    def offset() -> float:
        return int(ask_redis(chaos_topology.redis_port, b"TIME").split()[2]) - time.time()

    for target, wanted in (("+3600", 3600), ("-3600", 0)):
        with INJECTORS["move clock"](chaos_topology, target):
            # Redis may answer with a time that it has read a moment before.
            wait_until(lambda wanted=wanted: abs(offset() - wanted) < 60, 5, "the clock of Redis is moved")


def test_nginx_names_the_replica_and_the_worker_process(chaos_topology) -> None:
    with socket.create_connection(("127.0.0.1", chaos_topology.port), timeout=5) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        head = connection.recv(4096).decode()

    worker, upstream = head.partition("X-Parts: ")[2].splitlines()[0].split()
    children = [child.pid for child in psutil.Process(chaos_topology.processes["nginx"].pid).children()]
    assert int(worker) in children
    assert upstream == f"127.0.0.1:{chaos_topology.web_port}"


@needs_root
def test_packets_are_dropped_until_the_end_of_the_block_even_after_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def interrupt_the_block() -> None:
            with dropped(at_port(port)):
                assert not answers(port)
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            interrupt_the_block()
        assert answers(port)
    assert comment() not in iptables("-S")


@needs_root
def test_a_full_disk_has_space_again_afterwards(tmp_path) -> None:
    with small_disk(tmp_path):
        with full_disk(tmp_path), pytest.raises(OSError, match="No space left"):
            (tmp_path / "file").write_bytes(bytes(5000))
        (tmp_path / "file").write_bytes(bytes(5000))
    assert not os.path.ismount(tmp_path)


def test_the_busy_processes_end() -> None:
    with busy_cores() as busy:
        assert all(process.poll() is None for process in busy)
    assert all(process.poll() is not None for process in busy)
