"""`make load WORKERS=` with generators in two network namespaces, as on two machines, has one account and one verdict.

One of the two generators also has a clock of its own, which is 5,000 seconds ahead.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cashier_local.ports import free_port
from tests.support.topologies import TopologyUnderTest

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.serial,
    pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root can create namespaces"),
]
ROOT = Path(__file__).parents[2]
ENVIRONMENT = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT / 'deploy/local'}:{ROOT}"}
HERE, ADDRESSES = "10.98.7.1", ("10.98.7.2", "10.98.7.3")
CLOCK_AHEAD_SECONDS = 5000
RUN_SECONDS = 90


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def topology(run_topology, tmp_path_factory) -> Iterator[TopologyUnderTest]:
    with run_topology(tmp_path_factory.mktemp("topology"), CASHIER_HOSTS=f"127.0.0.1,{HERE}") as running:
        yield running


def ip(command: str) -> None:
    subprocess.run(["ip", *command.split()], check=True)


@pytest.fixture
def namespaces() -> Iterator[list[str]]:
    """Two network namespaces that reach this machine at the address HERE."""
    bridge, names = f"cq{os.getpid()}", [f"cq-{os.getpid()}-{number}" for number in (1, 2)]
    try:
        ip(f"link add {bridge} type bridge")
        ip(f"addr add {HERE}/24 dev {bridge}")
        ip(f"link set {bridge} up")
        for number, (name, address) in enumerate(zip(names, ADDRESSES, strict=True)):
            ip(f"netns add {name}")
            ip(f"link add {bridge}v{number} type veth peer name eth0 netns {name}")
            ip(f"link set {bridge}v{number} master {bridge} up")
            ip(f"-n {name} addr add {address}/24 dev eth0")
            ip(f"-n {name} link set eth0 up")
        yield names
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
        subprocess.run(["ip", "link", "del", bridge], check=False, capture_output=True)


@asynccontextmanager
async def forwarded(port: int) -> AsyncIterator[int]:
    """Forward connections to the address HERE to a port of the loopback interface. Yield the port at HERE."""

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(2**16):
            writer.write(data)
        writer.close()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        system_reader, system_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(copy(reader, system_writer), copy(system_reader, writer), return_exceptions=True)

    server = await asyncio.start_server(connect, HERE)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def start(*argv: str) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(*argv, env=ENVIRONMENT, cwd=ROOT, stdout=pipe, stderr=pipe)


async def test_two_generators_on_two_machines_make_one_account_and_one_verdict(topology, namespaces, tmp_path) -> None:
    first, second = namespaces
    port = free_port()
    worker = [
        *(sys.executable, "-m", "locust", "-f", "loadtests/locustfile.py", "--worker"),
        *("--master-host", HERE, "--master-port", str(port)),
    ]
    async with forwarded(topology.port) as system_port:
        master = await start(
            *(sys.executable, "-m", "loadtests.load", "--seconds", "8", "--results", str(tmp_path)),
            *("--workers", "2", "--port", str(port), "--host", f"http://{HERE}:{system_port}"),
        )
        workers = [
            await start("ip", "netns", "exec", first, *worker),
            await start(
                *("ip", "netns", "exec", second, "unshare", "--time", "--monotonic", str(CLOCK_AHEAD_SECONDS)), *worker
            ),
        ]
        try:
            async with asyncio.timeout(RUN_SECONDS):
                output, _ = await master.communicate()
                answers = [await each.communicate() for each in workers]
        finally:
            for each in (master, *workers):
                if each.returncode is None:
                    each.terminate()
                    await each.wait()

    figures = json.loads((tmp_path / "smoke.json").read_text())
    assert figures["verdict"] in {"passed", "void"}, output.decode()
    assert f"verdict: {figures['verdict']}" in output.decode()
    assert [each.returncode for each in workers] == [0, 0], answers
    assert figures["presses"] == 4
    assert figures["owed"] == 4 * 50, "each call is owed to the screens of both generators"
    assert set(figures["faults"].values()) == {0}
    generators = sorted(figures["generators"], key=lambda each: each["clock_ahead"])
    assert [each["screens"] for each in generators] == [25, 25]
    assert [each["presses"] for each in generators] == [2, 2]
    assert abs(generators[0]["clock_ahead"]) < 10
    assert abs(generators[1]["clock_ahead"] - CLOCK_AHEAD_SECONDS * 1000) < 10
    assert all(each["clock_uncertainty"] < 10 for each in generators)
