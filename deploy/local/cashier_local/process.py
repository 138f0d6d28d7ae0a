"""Runs a program, starts it again whenever it dies, and passes its log to a function line by line."""

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

Sink = Callable[[str, str], None]
"""A function that receives the name of a process and one line of its log."""

# The program setpriv sets the signal that the kernel sends to a process when the parent of this process ends. Only
# Linux has setpriv; on other systems, SETPRIV is None.
SETPRIV = shutil.which("setpriv")
DIES_WITH_PARENT = [SETPRIV, "--pdeathsig", "TERM"] if SETPRIV else []
"""The beginning of the command line of each child process. It lets the kernel stop the child process when the thread
that started the child process ends. So no child process survives if its parent process is killed."""
STOP_SECONDS = 10.0
LONG_LIFE_SECONDS, LONGEST_PAUSE_SECONDS = 30.0, 8.0


class Process:
    """A program that is started again whenever it dies.

    The program runs in a Unix session of its own. Therefore a Ctrl-C in the terminal does not reach the program, but
    only the process that supervises the program.
    """

    def __init__(self, name: str, argv: Sequence[str], env: Mapping[str, str], cwd: Path, sink: Sink) -> None:
        self.name, self.argv, self.env, self.cwd, self._sink = name, list(argv), dict(env), cwd, sink
        self._stopping = threading.Event()
        self._child: subprocess.Popen[str] | None = None
        self._watcher: threading.Thread | None = None

    @property
    def pid(self) -> int:
        assert self._child, f"{self.name} was never started"
        return self._child.pid

    @property
    def alive(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def start(self) -> None:
        """Start the program, and start it again whenever it dies, until `stop` is called."""
        self._stopping.clear()
        spawned = threading.Event()
        self._watcher = threading.Thread(target=self._watch, args=(spawned,), name=f"watch {self.name}", daemon=True)
        self._watcher.start()
        spawned.wait()

    def stop(self, signum: int = signal.SIGTERM) -> None:
        """Send the signal `signum` to the program, and wait until the program has ended.

        If the program still runs after STOP_SECONDS, log this and kill the program.
        """
        self._stopping.set()
        if self.alive:
            self.kill(signum)
            try:
                self._child.wait(STOP_SECONDS)  # type: ignore[union-attr]
            except subprocess.TimeoutExpired:
                self._sink(self.name, f"did not stop within {STOP_SECONDS:.0f} s and was killed")
                self.kill(signal.SIGKILL)
        if self._watcher:
            self._watcher.join(STOP_SECONDS)

    def kill(self, signum: int) -> None:
        """Send the signal `signum` to the program, and return at once.

        If the program dies of the signal, it is started again.
        """
        if self._child:
            self._child.send_signal(signum)

    def _kill_leftovers(self) -> None:
        """Kill the children of a process that has died.

        If Nginx's master process is killed, its worker processes live on and keep the port. Then Nginx could not start
        again.
        """
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def _spawn(self) -> None:
        self._child = subprocess.Popen(
            [*DIES_WITH_PARENT, *self.argv],
            env=self.env,
            cwd=self.cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        threading.Thread(target=self._pass_on, args=(self._child,), name=f"log {self.name}", daemon=True).start()

    def _pass_on(self, child: "subprocess.Popen[str]") -> None:
        assert child.stdout
        with child.stdout as lines:
            for line in lines:
                self._sink(self.name, line.rstrip("\n"))

    def _watch(self, spawned: threading.Event) -> None:
        # This thread starts the child process, and must live as long as the child process. If the thread ended, the
        # kernel would stop the child process, because the child process was started with `setpriv --pdeathsig`.
        pause, next_pause = 0.0, 0.0
        while not self._stopping.wait(pause):
            started = time.monotonic()
            try:
                self._spawn()
            finally:
                spawned.set()
            if self._stopping.is_set():
                # `stop` was called while the child process was being started, and could not send it a signal. Therefore
                # the child process gets the signal here.
                self.kill(signal.SIGTERM)
            assert self._child
            code = self._child.wait()
            self._kill_leftovers()
            if self._stopping.is_set():
                return
            # The first restart is immediate. Later restarts are delayed, so that a program that always fails does not
            # use up the whole CPU.
            pause = 0.0 if time.monotonic() - started > LONG_LIFE_SECONDS else next_pause
            next_pause = min(LONGEST_PAUSE_SECONDS, pause * 2 or 1.0)
            reason = f"signal {-code}" if code < 0 else f"exit code {code}"
            self._sink(self.name, f"died ({reason}) and is restarted" + (f" in {pause:.0f} s" if pause else ""))
