"""A Docker Swarm of three engines on this machine, and a stack of cashier_q on it, for tests.

The program `nodes` starts the engines. Each has a network namespace and an address of its own. A test can cut the cable
of a host, and kill everything that runs on it.
"""

import json
import os
import secrets
import subprocess
from collections.abc import Sequence
from pathlib import Path

import httpx

from cashier_local.ports import wait_until
from loadtests.profiles import device_token
from tests.support.compose_stack import NOT_INHERITED, Failed, Stack, docker

ROOT = Path(__file__).parents[2]
NODES = ROOT.parent / "shared/docker/nodes"
HOSTS = (1, 2, 3)
ADDRESSES = {host: f"10.99.0.{10 + host}" for host in HOSTS}
GATEWAY = "10.99.0.1"
"""The address of this machine for the containers of all hosts."""
IMAGES = ("web", "ws", "nginx_files")
BASE_IMAGES = ("redis:8", "postgres:17")
"""Images that the engines need, besides those that `Cluster.build` builds."""


def nodes(*arguments: str) -> str:
    """Call the program `nodes`, and return its output. Raises Failed if the program fails."""
    done = subprocess.run([NODES, *arguments], capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        raise Failed(f"nodes {' '.join(arguments)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


class Cluster:
    """Three hosts with one stack. The hosts have the numbers 1, 2 and 3.

    folder: where the clone of this repository is made, whose scripts deploy the stack.
    """

    def __init__(self, folder: Path) -> None:
        self.clone = Stack(folder)
        self.stack = f"cashier_q_{secrets.token_hex(3)}"
        self.urls = [f"http://{address}:{self.clone.port}" for address in ADDRESSES.values()]
        self.url = self.urls[0]
        self._sockets = {host: nodes("socket", str(host)) for host in HOSTS}
        self.tag = ""

    def write_secret(self, name: str, text: str) -> None:
        """Write a secret of the operator, as the guide says."""
        folder = self.clone.folder / "deploy/swarm/secrets"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(f"{text}\n")

    def build(self, tag: str, images: Sequence[str] = IMAGES) -> None:
        """Build images of the clone, and load them into all engines with this tag. The other images stay the same."""
        settings = {"COMPOSE_FILE": "compose.yaml", "CASHIER_VERSION": tag, "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
        built = []
        for image in images:
            self.clone.compose("build", "--quiet", image, **settings)
            built.append(f"cashier_q-{image}:{tag}")
            docker("tag", f"{self.clone.project}-{image}", built[-1])
        nodes("load", *built)
        docker("rmi", *built)
        for image in set(IMAGES) - set(images):
            for host in HOSTS:
                self.docker(host, "tag", f"cashier_q-{image}:{self.tag}", f"cashier_q-{image}:{tag}")
        self.tag = tag

    def make(self, *arguments: str, host: int = 1, **settings: str) -> str:
        """Call a make target on a host, and return its output. Raises Failed if the target fails."""
        environment = {
            "DOCKER_HOST": self._sockets[host],
            "CASHIER_STACK": self.stack,
            "CASHIER_TAG": self.tag,
            "CASHIER_HOSTS": ",".join(ADDRESSES.values()),
            "CASHIER_OPEN_SCREENS": "true",
            **settings,
        }
        return self.clone.make(*arguments, **environment)

    def docker(self, host: int, *arguments: str, seconds: float = 60) -> str:
        """Call a docker command on a host, and return its output. Raises Failed if the command fails."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(NOT_INHERITED)}
        environment = {**inherited, "DOCKER_HOST": self._sockets[host]}
        done = subprocess.run(
            ["docker", *arguments], capture_output=True, text=True, check=False, timeout=seconds, env=environment
        )
        if done.returncode:
            raise Failed(f"docker {' '.join(arguments)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout.strip()

    def container(self, host: int, service: str) -> str:
        """Return the id of a running container of the service on this host; "" if there is none."""
        label = f"label=com.docker.swarm.service.name={self.stack}_{service}"
        return self.docker(host, "ps", "--quiet", "--filter", label).partition("\n")[0]

    def manage(self, code: str) -> str:
        """Run Python code in the Django shell of a container of web, and return its output."""
        for host in HOSTS:
            if found := self.container(host, "web"):
                return self.docker(
                    host, "exec", found, "python", "-m", "cashier_web", "shell", "--no-imports", "-c", code
                )
        raise Failed("web runs on no host")

    def redis_status(self, host: int) -> str:
        """Return the roles of the Redis servers, as the script redis/start on this host sees them."""
        return self.docker(host, "exec", self.container(host, "redis"), "/start", "status")

    def primary_host(self, asked: int = 1) -> int:
        """Return the host of the Redis primary that the Sentinels know. asked: a host that runs."""
        primary = self.redis_status(asked).splitlines()[0].rpartition(" ")[2]
        for host in HOSTS:
            container = self.container(host, "redis")
            if container and self.docker(host, "exec", container, "hostname", "-i") == primary:
                return host
        raise Failed(f"no host has the primary {primary}")

    def press(self, store: str, host: int = 1) -> int:
        """Press through a host, and return the seq of the call. Raises httpx.HTTPError if the press is not called."""
        token = {"Authorization": f"Bearer {device_token(store)}"}
        answer = httpx.post(f"{self.urls[host - 1]}/api/v1/stores/{store}/calls", json={"till": 1}, headers=token)
        return int(answer.raise_for_status().json()["seq"])

    def press_inside(self, host: int, store: str) -> int:
        """Press in a container on this host, so that the press does not need the host's cable. Returns the status."""
        code = (
            "import http.client\n"
            "connection = http.client.HTTPConnection('127.0.0.1', 8000, timeout=20)\n"
            f"headers = {{'Authorization': 'Bearer {device_token(store)}', 'Content-Type': 'application/json', "
            f"'Host': '{ADDRESSES[host]}'}}\n"
            f"connection.request('POST', '/api/v1/stores/{store}/calls', '{{\"till\": 1}}', headers)\n"
            "print(connection.getresponse().status)"
        )
        return int(self.docker(host, "exec", self.container(host, "press"), "python", "-c", code))

    def cut(self, host: int) -> None:
        """Disconnect the cable of the host."""
        nodes("cut", str(host))

    def heal(self, host: int) -> None:
        """Connect the cable of the host again."""
        nodes("heal", str(host))

    def kill(self, host: int) -> None:
        """Kill everything that runs on the host."""
        nodes("kill", str(host))

    def start_killed_hosts(self) -> None:
        """Start hosts that were killed. A host needs some seconds until it knows that it belongs to the Swarm."""

        def are_up() -> bool:
            try:
                return bool(nodes("up", str(len(HOSTS))))
            except Failed:
                return False

        wait_until(are_up, 150, "all hosts belong to the Swarm again")

    def set_availability(self, host: int, availability: str) -> None:
        """Drain a host ("drain"), or let it get containers again ("active")."""
        self.docker(host % len(HOSTS) + 1, "node", "update", "--availability", availability, f"node{host}")

    def is_complete(self, asked: int = 1) -> bool:
        """Return whether all hosts are ready, and all services have all their containers."""
        try:
            states = self.docker(asked, "node", "ls", "--format", "{{.Status}} {{.Availability}}").splitlines()
            rows = [
                json.loads(line)
                for line in self.docker(asked, "stack", "services", "--format", "json", self.stack).splitlines()
            ]
            counts = {row["Name"].removeprefix(f"{self.stack}_"): row["Replicas"].split()[0] for row in rows}
        except Failed:
            return False
        once = {"db_owner", "migrate"}
        wanted = {"nginx": "3/3", "redis": "3/3", "sentinel": "3/3"}
        return states == ["Ready Active"] * len(HOSTS) and all(
            count == wanted.get(name, count) and len(set(count.split("/"))) == 1
            for name, count in counts.items()
            if name not in once
        )

    def reaches_its_data(self) -> bool:
        """Return whether each container of web reaches Redis and the database."""
        ready = ("python", "-m", "cashier_core.healthcheck", "http://127.0.0.1:8000/readyz")
        try:
            for host in HOSTS:
                if web := self.container(host, "web"):
                    self.docker(host, "exec", web, *ready)
        except Failed:
            return False
        return True

    def redis_is_complete(self, asked: int = 1) -> bool:
        """Return whether the Sentinels know a primary, and two replicas follow this primary."""
        try:
            first, *lines = self.redis_status(asked).splitlines()
        except Failed:
            return False
        primary = first.rpartition(" ")[2]
        servers = {address: state for address, *state in map(str.split, lines)}
        is_primary = servers.pop(primary, [""])[0] == "master"
        return is_primary and list(servers.values()) == [["slave", primary, "6379", "connected"]] * 2

    def is_empty(self, host: int) -> bool:
        """Return whether no container of the stack runs on this host."""
        return not self.docker(host, "ps", "--quiet", "--filter", f"name={self.stack}_")

    def repair(self) -> None:
        """Undo all faults, and wait until the stack is complete."""
        for host in HOSTS:
            self.heal(host)
        self.start_killed_hosts()
        for host in HOSTS:
            self.set_availability(host, "active")
        self.wait_until_complete()

    def wait_until_complete(self, seconds: float = 180) -> None:
        wait_until(self.is_complete, seconds, "all services have all their containers")
        wait_until(self.redis_is_complete, seconds, "the Redis primary has two replicas")
        wait_until(self.reaches_its_data, seconds, "web reaches Redis and the database")

    def clear(self) -> None:
        """Remove the hosts with everything on them, and the images that were built."""
        nodes("down")
        self.clone.clear()
