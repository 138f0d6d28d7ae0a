"""A compose stack that can be disturbed. It runs on the Docker engine of this machine, in a project of its own.

The stack is started from a copy of this repository with deploy/compose/compose.yaml, which compose.yaml in this folder
changes for the load test. Only root may disturb containers.
"""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from signal import Signals
from typing import IO

import psutil

from cashier_local.ports import answers, free_port, responds, wait_until
from cashier_local.process import DIES_WITH_PARENT
from cashier_local.topology import ROOT
from loadtests.chaos.kinds import COMPOSE_KINDS, LINKS
from loadtests.chaos.local_topology import NAMES_THE_PARTS
from loadtests.chaos.packets import Arriving, dropped
from loadtests.chaos.redis_links import RedisLinks

PROJECT = "cashier_q_chaos"
PORTS = {"nginx": 8000, "web": 8000, "press": 8000, "tasks": 8000, "ws": 9000, "redis": 6379, "db": 5432}
"""The port on which the containers of each service listen."""
NETWORKS = {"nginx": "front", "redis": "data", "db": "data"}
"""The network in which the load test reaches a service. A service that is missing here is reached in `app`."""
REPLACE_SECONDS = 30.0
NOT_INHERITED = ("CASHIER_", "COMPOSE_", "DJANGO_", "DATABASE_URL", "REDIS_URL")
"""Environment variables with these prefixes are not passed to the stack, because they would change its settings."""


def service_of(target: str) -> str:
    """Return the service of a target: "ws" for "ws2", and "press" for "press db"."""
    return target.partition(" ")[0].rstrip("0123456789")


class ComposeTopology:
    """A compose stack with two replicas that can be disturbed, as Disturbable says.

    folder: an empty folder. disk: a folder on a small file system, for the data of Redis and the database. log: the
    file for the log of all containers.
    """

    kinds = COMPOSE_KINDS

    def __init__(self, folder: Path, disk: Path, log: IO[str]) -> None:
        self.disk = disk
        self._folder, self._log = folder / "cashier_q" / "deploy" / "compose", log
        self._files = self._folder / "chaos"
        self._logs: subprocess.Popen[str] | None = None
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        subnet = f"10.{128 + secrets.randbelow(127)}.{secrets.randbelow(256)}"
        self._redis_address = f"{subnet}.60"
        self._gateway = f"{subnet}.1"
        self._link_ports = {name: free_port() for name in LINKS}
        self.links = RedisLinks((self._redis_address, PORTS["redis"]), self._gateway, self._link_ports)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(NOT_INHERITED)}
        self._environment = {
            **inherited,
            "COMPOSE_PROJECT_NAME": PROJECT,
            "COMPOSE_FILE": "compose.yaml:chaos.yaml",
            "CASHIER_PORT": str(self._port),
            "CASHIER_SUBNET": subnet,
            "CASHIER_OPEN_BUTTONS": "true",
            "CASHIER_OPEN_SCREENS": "true",
            "CASHIER_LOG_LEVEL": "WARNING",
            "CHAOS_REDIS_ADDRESS": self._redis_address,
            "CHAOS_DISK": str(disk),
        }

    def start(self) -> None:
        """Build the images, and start everything. Raises CalledProcessError if that fails.

        Containers that an earlier load test has left are removed.
        """
        self._copy_repository()
        self._compose("down", "--volumes", "--remove-orphans", "--timeout", "2")
        for service in ("web", "ws", "nginx_files"):
            self._compose("build", "--quiet", service)
        self._compose("up", "--no-start", "nginx", "tasks")
        # The links can start only now: they listen on an address of the network `data`, which `up --no-start` creates.
        self.links.start()
        self._compose("up", "--detach", "--wait", "nginx", "tasks")
        follow = ["docker", "compose", "logs", "--follow", "--no-color"]
        self._logs = subprocess.Popen(
            [*DIES_WITH_PARENT, *follow], cwd=self._folder, env=self._environment, stdout=self._log, text=True
        )

    def stop(self) -> None:
        """Remove the containers, their data and their images."""
        self._compose("down", "--volumes", "--remove-orphans", "--rmi", "local", "--timeout", "2")
        if self._logs:
            self._logs.terminate()
            self._logs.wait()
        self.links.stop()

    def manage(self, *arguments: str) -> None:
        """Run one of web's management commands. Raises CalledProcessError if the command fails."""
        self._compose("exec", "-T", "web", "python", "-m", "cashier_web", *arguments)

    def pid(self, target: str) -> int | None:
        container = self._container(target)
        return int(inspect(container, "{{.State.Pid}}") or 0) or None if container else None

    def works(self, target: str) -> bool:
        service = service_of(target)
        address, port = self._address(target), PORTS[service]
        if not address:
            return False
        if service in {"nginx", "redis", "db"}:
            return answers(port, address)
        return responds(f"http://{address}:{port}/healthz")

    def parts(self, target: str) -> frozenset[str] | None:
        is_replica = service_of(target) == "ws" and target != "ws"
        return frozenset({f"{self._address(target)}:{PORTS['ws']}"}) if is_replica else None

    def part_of_worker(self, pid: int) -> str:
        # The line "NSpid:" of this file contains the process id on this machine and then the id inside the container.
        status = Path(f"/proc/{pid}/status").read_text()
        return status.partition("NSpid:")[2].splitlines()[0].split()[-1]

    def end(self, target: str, signum: Signals) -> None:
        # The signal is sent without Docker. After `docker kill` or `docker stop`, Docker does not start the container
        # again.
        if target == "db" and signum == signal.SIGTERM:
            signum = signal.SIGINT  # The service db has this stop_signal in compose.yaml.
        if pid := self.pid(target):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signum)

    def replace(self, target: str) -> None:
        if container := self._container(target):
            docker("stop", container, check=False)  # This fails if another fault has ended the container.
            docker("rm", "--force", container)
        # Compose starts no container of the service while another fault pauses the other replica.
        up = ["docker", "compose", "up", "--detach", "--no-deps", "--no-recreate", service_of(target)]
        wait_until(lambda: self._run(up).returncode == 0, REPLACE_SECONDS, f"a new container for {target}")

    @contextmanager
    def paused(self, target: str) -> Iterator[None]:
        container = self._container(target)
        docker("pause", container, check=False)
        try:
            yield
        finally:
            docker("unpause", container, check=False)  # This fails if the container was removed.

    def dropped(self, target: str, probability: float) -> AbstractContextManager[None]:
        service, _, peer = target.partition(" ")
        peer = peer or "nginx"
        here, there = self.pid(service), self.pid(peer)
        if peer == "db":
            to = ("-s", self._address(service, "data"), "-p", "tcp", "--dport", str(PORTS["db"]))
            back = ("-s", self._address("db"), "-p", "tcp", "--sport", str(PORTS["db"]))
            return dropped([Arriving(to, there), Arriving(back, here)], probability)
        port = str(PORTS[service_of(service)])
        requests = Arriving(("!", "-i", "lo", "-p", "tcp", "--dport", port), here)
        # The answers of Nginx arrive in the network of this machine, because the simulated screens run on this machine.
        answers_of = Arriving(
            ("-s", self._address(service), "-p", "tcp", "--sport", port), None if service == "nginx" else there
        )
        return dropped([requests, answers_of], probability)

    def lose_data(self) -> None:
        """Delete the append-only file of Redis and kill Redis, which then starts without data."""
        if pid := self.pid("redis"):
            # Redis is paused, so that it writes nothing after its files were deleted and before it is killed.
            psutil.Process(pid).suspend()
            for path in (self.disk / "redis").iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            psutil.Process(pid).kill()

    def _copy_repository(self) -> None:
        """Copy the files of this repository, with uncommitted changes, and write the files for the load test."""
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        for name in subprocess.check_output(listed, cwd=ROOT, text=True).split("\0"):
            if (ROOT / name).is_file():
                copy = self._folder.parents[1] / name
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, copy)
        with (self._folder.parent / "nginx" / "compose" / "plain" / "listen.conf").open("a") as listen:
            listen.write(NAMES_THE_PARTS)
        shutil.copy(Path(__file__).with_name("compose.yaml"), self._folder / "chaos.yaml")
        subprocess.run([self._folder / "create-env-and-secrets"], check=True, capture_output=True)
        self._files.mkdir()
        for name, port in self._link_ports.items():
            user = "ws" if name == "ws" else "web"
            password = (self._folder / "secrets" / f"redis_{user}_password").read_text().strip()
            url = f"redis://{user}:{password}@{self._gateway}:{port}/0"
            (self._files / f"redis_url_of_{name}").write_text(url)
        for name in ("redis", "db"):
            (self.disk / name).mkdir()

    def _container(self, target: str) -> str:
        """Return the id of a target's container; "" if there is none."""
        number = int(target.removeprefix("ws")) if target.startswith("ws") and target != "ws" else 1
        listed = docker(
            *("ps", "--all", "--no-trunc", "--filter", f"label=com.docker.compose.project={PROJECT}"),
            *("--filter", f"label=com.docker.compose.service={service_of(target)}"),
            *("--format", '{{.Label "com.docker.compose.container-number"}} {{.ID}}'),
        )
        containers = sorted((int(line.split()[0]), line.split()[1]) for line in listed.splitlines())
        return containers[min(number, len(containers)) - 1][1] if containers else ""

    def _address(self, target: str, network: str = "") -> str:
        """Return the address of a target's container; "" if the container does not run."""
        name = f"{PROJECT}_{network or NETWORKS.get(service_of(target), 'app')}"
        container = self._container(target)
        return inspect(container, f'{{{{(index .NetworkSettings.Networks "{name}").IPAddress}}}}') if container else ""

    def _compose(self, *arguments: str) -> None:
        self._run(["docker", "compose", *arguments]).check_returncode()

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self._folder,
            env=self._environment,
            stdout=self._log,
            stderr=self._log,
            text=True,
            check=False,
        )


def docker(*arguments: str, check: bool = True) -> str:
    """Run a docker command, and return its output.

    Raises CalledProcessError if the command fails and `check` is True.
    """
    return subprocess.run(["docker", *arguments], check=check, capture_output=True, text=True).stdout


def inspect(container: str, template: str) -> str:
    """Return what `docker inspect` prints for a container; "" if the container does not exist."""
    return docker("inspect", "--format", template, container, check=False).strip()
