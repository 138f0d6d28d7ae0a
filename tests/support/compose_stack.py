"""A compose stack for tests. It consists of a folder, and of the containers that `make` starts from this folder.

The folder is a fresh clone of this repository, or a release archive.
"""

import json
import os
import secrets
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from cashier_local.ports import free_port

ROOT = Path(__file__).parents[2]
MAKE_SECONDS = 600
# The stack does not inherit environment variables with these prefixes. pytest-django, and the `make` that runs these
# tests, set such variables, which would change the stack.
NOT_INHERITED = ("CASHIER_", "COMPOSE_", "DJANGO_", "DATABASE_URL", "REDIS_URL", "MAKE", "MFLAGS")


class Failed(Exception):
    """Raised if a command exits with another code than 0. The message contains the command's output."""


class Stack:
    """A deployment with its own project name and port, so that it does not affect other stacks on this machine.

    host: the address at which the stack's Docker engine publishes ports.
    umask: the permissions that the files of the clone or of the archive, and the files that `make` creates, do not get.
    settings: environment variables, such as settings of cashier_q, or DOCKER_HOST for another engine.
    """

    def __init__(self, folder: Path, host: str = "127.0.0.1", umask: int = 0o022, **settings: str) -> None:
        self.umask = umask
        self.folder = folder / "cashier_q"
        self.compose_folder = self.folder / "deploy" / "compose"
        self.project = f"cashier_q_test_{secrets.token_hex(3)}"
        self.port = free_port()
        self.url = f"http://{host}:{self.port}"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(NOT_INHERITED)}
        self.environment = {
            **inherited,
            "COMPOSE_PROJECT_NAME": self.project,
            "CASHIER_PORT": str(self.port),
            "CASHIER_SUBNET": free_subnet(),
            **settings,
        }

    def clone(self) -> None:
        """Clone this repository, and copy the uncommitted changes into the clone, so that they are tested, too."""
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(self.folder)], umask=self.umask, check=True)
        listed = ["git", "ls-files", "--modified", "--others", "--exclude-standard", "-z"]
        changed = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for name in filter(None, changed.split("\0")):
            if (ROOT / name).is_file():
                (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, self.folder / name)
        self._apply_umask()

    def commit(self) -> None:
        """Commit all changes in the clone."""
        identity = ["-c", "user.name=tests", "-c", "user.email=tests@localhost"]
        subprocess.run(["git", "add", "--all"], cwd=self.folder, check=True)
        commit = ["git", *identity, "commit", "--quiet", "--allow-empty", "--message", "tests: change the clone"]
        subprocess.run(commit, cwd=self.folder, check=True)

    def unpack(self, archive: Path) -> None:
        """Unpack a release archive into the folder. Files that the archive does not contain stay in the folder."""
        with tarfile.open(archive) as files:
            top = files.next()
            assert top
            files.extractall(self.folder.parent, filter="data")
        shutil.copytree(self.folder.parent / top.name, self.folder, dirs_exist_ok=True, copy_function=shutil.move)
        shutil.rmtree(self.folder.parent / top.name)
        self._apply_umask()

    def _apply_umask(self) -> None:
        for path in (self.folder, *self.folder.rglob("*")):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode & ~self.umask)

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

    def start_make(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a make target in a process group of its own, and return the process, so that a test can stop it."""
        return subprocess.Popen(
            ["make", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def compose(self, *arguments: str, **settings: str) -> str:
        """Run a docker compose command and return its output. Raises Failed if the command fails."""
        return self._run(["docker", "compose", *arguments], self.compose_folder, settings)

    def run(self, *argv: str, **settings: str) -> str:
        """Run a script of the folder deploy/compose, as `make` does. Raises Failed if the script fails."""
        return self._run([*argv], self.compose_folder, {"COMPOSE_FILE": "./compose.yaml", **settings})

    def reconcile(self, **settings: str) -> None:
        """Start missing containers, and replace containers whose settings have changed. No images are built.

        `make up` does the same, after it has built the images and checked the settings.
        """
        self.compose("up", "--detach", "--wait", "nginx", "tasks", **settings)

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

        port: 8000 for web, press and tasks, 9000 for ws.
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
        self.compose("--profile", "*", "down", "--volumes", "--remove-orphans", "-t", "2")
        images = self._docker(
            "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "--filter", f"reference={self.project}-*"
        )
        if images:
            self._docker("rmi", "--force", *images.split())

    def _docker(self, *arguments: str) -> str:
        return self._run(["docker", *arguments], self.folder, {})

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
            umask=self.umask,
        )
        if done.returncode:
            raise Failed(f"{' '.join(argv)}: exit {done.returncode}\n{done.stdout}")
        return done.stdout


def free_subnet() -> str:
    """Return a value for CASHIER_SUBNET that is almost certainly free: one of 32,512 ranges, chosen at random."""
    return f"10.{128 + secrets.randbelow(127)}.{secrets.randbelow(256)}"


def require_engine() -> None:
    """Fail if no Docker engine is running. Tests are not skipped, because no other tests check the deployment."""
    if not shutil.which("docker"):
        pytest.fail("docker is not installed")
    try:
        docker("info")
        docker("compose", "version")
    except Failed as error:
        pytest.fail(str(error))


def fake_docker(folder: Path, code: str) -> str:
    """Write a program `docker` that runs shell code and then the real docker, and return a PATH that contains it.

    In the code, `$real` is the path of the real docker.
    """
    program = folder / "docker"
    program.write_text(f'#!/bin/sh\nreal={shutil.which("docker")}\n{code}\nexec "$real" "$@"\n')
    program.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def docker(*arguments: str) -> str:
    """Run a docker command and return its standard output. Raises Failed if the command fails."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        raise Failed(f"docker {' '.join(arguments)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout
