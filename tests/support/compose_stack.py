"""A compose stack for tests. It consists of a fresh clone of this repository, and the containers that `make` starts."""

import json
import os
import secrets
import shutil
import subprocess
from pathlib import Path

from cashier_local.ports import free_port

ROOT = Path(__file__).parents[2]
MAKE_SECONDS = 600
# The stack does not inherit environment variables with these prefixes. pytest-django, and the `make` that runs these
# tests, set such variables, which would change the stack.
NOT_INHERITED = ("CASHIER_", "COMPOSE_", "DJANGO_", "DATABASE_URL", "REDIS_URL", "MAKE", "MFLAGS")


class Failed(Exception):
    """Raised if a command exits with another code than 0. The message contains the command's output."""


class Stack:
    """A deployment with its own project name and port, so that it does not affect other stacks on this machine."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder / "cashier_q"
        self.compose_folder = self.folder / "deploy" / "compose"
        self.project = f"cashier_q_test_{secrets.token_hex(3)}"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(NOT_INHERITED)}
        self.environment = {
            **inherited,
            "COMPOSE_PROJECT_NAME": self.project,
            "CASHIER_PORT": str(self.port),
            **settings,
        }

    def clone(self) -> None:
        """Clone this repository, and copy the uncommitted changes into the clone, so that they are tested, too."""
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(self.folder)], check=True)
        listed = ["git", "ls-files", "--modified", "--others", "--exclude-standard", "-z"]
        changed = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for name in filter(None, changed.split("\0")):
            if (ROOT / name).is_file():
                (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, self.folder / name)

    def states(self) -> set[tuple[str, str, str]]:
        """Return the name of the service, the state and the health of every container."""
        lines = self.compose("ps", "--all", "--format", "json").splitlines()
        return {(each["Service"], each["State"], each["Health"]) for each in map(json.loads, lines)}

    def is_healthy(self) -> bool:
        """Return whether all services are healthy, and the services that run only once have exited."""
        return {(state, health or "ended") for _, state, health in self.states()} == {
            ("running", "healthy"),
            ("exited", "ended"),
        }

    def make(self, *arguments: str, **settings: str) -> str:
        """Run a make target and return its output. Raises Failed if the target fails."""
        return self._run(["make", *arguments], self.folder, settings)

    def compose(self, *arguments: str, **settings: str) -> str:
        """Run a docker compose command and return its output. Raises Failed if the command fails."""
        return self._run(["docker", "compose", *arguments], self.compose_folder, settings)

    def reconcile(self, **settings: str) -> None:
        """Start missing containers, and replace containers whose settings have changed. No images are built.

        `make up` does the same, after it has built the images and checked the settings.
        """
        self.compose("up", "--detach", "--wait", "nginx", **settings)

    def containers(self, service: str) -> list[str]:
        """Return the ids of a service's running containers."""
        return self.compose("ps", "--quiet", service).split()

    def started(self) -> dict[str, str]:
        """Return the time at which each running container was started."""
        return {each: self.inspect(each)["State"]["StartedAt"] for each in self.compose("ps", "--quiet").split()}

    def inspect(self, container: str) -> dict:
        """Return the output of `docker inspect` for one container."""
        return json.loads(docker("inspect", container))[0]

    def address(self, container: str, network: str) -> str:
        """Return a container's IP address in one of the stack's networks."""
        return self.inspect(container)["NetworkSettings"]["Networks"][f"{self.project}_{network}"]["IPAddress"]

    def figure(self, container: str, port: int, name: str) -> float:
        """Return the value of a metric of one container, summed over all labels.

        port: 8000 for web, 9000 for ws.
        """
        url = f"http://127.0.0.1:{port}/metrics"
        text = docker("exec", container, "python", "-m", "cashier_core.healthcheck", url)
        found = [line for line in text.splitlines() if line.startswith((f"{name} ", f"{name}{{"))]
        return sum(float(line.rsplit(" ", 1)[1]) for line in found)

    def manage(self, code: str) -> str:
        """Run Python code in web's Django shell and return its output. Raises Failed if the code fails."""
        return self.compose("exec", "-T", "web", "python", "-m", "cashier_web", "shell", "--no-imports", "-c", code)

    def clear(self) -> None:
        """Remove all containers, volumes, networks and images of this stack."""
        self.compose("--profile", "*", "down", "--volumes", "--remove-orphans", "--rmi", "local", "-t", "2")

    def _run(self, argv: list[str], folder: Path, settings: dict[str, str]) -> str:
        done = subprocess.run(
            argv,
            cwd=folder,
            env={**self.environment, **settings},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=MAKE_SECONDS,
        )
        if done.returncode:
            raise Failed(f"{' '.join(argv)}: exit {done.returncode}\n{done.stdout}")
        return done.stdout


def docker(*arguments: str) -> str:
    """Run a docker command and return its standard output. Raises Failed if the command fails."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        raise Failed(f"docker {' '.join(arguments)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout
