"""Network namespaces, in which a program runs as on another machine."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

POSSIBLE = sys.platform == "linux" and os.geteuid() == 0 and shutil.which("ip") is not None
"""Only root can create namespaces. The program `ip` is in Debian's package iproute2."""
HERE, ADDRESSES = "10.98.7.1", ("10.98.7.2", "10.98.7.3")


def ip(command: str) -> None:
    subprocess.run(["ip", *command.split()], check=True)


@contextmanager
def namespaces() -> Iterator[list[str]]:
    """Create two network namespaces, which reach this machine at the address HERE, and remove them at the end.

    Yield their names.
    """
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
