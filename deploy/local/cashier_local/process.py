"""The process: a program that is kept running, and whose log is passed on line by line."""

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
"""Takes the name of a process and a line of its log."""

# Ends the child when the thread that started it is gone, so that nothing goes on if this process itself is killed.
SETPRIV = shutil.which("setpriv")  # Linux only
TIED = [SETPRIV, "--pdeathsig", "TERM"] if SETPRIV else []
STOP_SECONDS = 10.0
LONG_LIFE, LONGEST_PAUSE = 30.0, 8.0


class Process:
    """A child in a session of its own, so that a Ctrl-C reaches only the one who looks after it."""

    def __init__(self, name: str, argv: Sequence[str], env: Mapping[str, str], cwd: Path, sink: Sink) -> None:
        self.name, self.argv, self.env, self.cwd, self._sink = name, list(argv), dict(env), cwd, sink
        self._unwanted = threading.Event()
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
        """Start it, and start it again whenever it dies, until `stop`."""
        self._unwanted.clear()
        spawned = threading.Event()
        self._watcher = threading.Thread(target=self._watch, args=(spawned,), name=f"watch {self.name}", daemon=True)
        self._watcher.start()
        spawned.wait()

    def stop(self, signum: int = signal.SIGTERM) -> None:
        """Send the signal and wait until it is gone; a process that doesn't go is killed, and that is said."""
        self._unwanted.set()
        if self.alive:
            self.kill(signum)
            try:
                self._child.wait(STOP_SECONDS)  # type: ignore[union-attr]
            except subprocess.TimeoutExpired:
                self._sink(self.name, f"did not stop within {STOP_SECONDS:.0f} s and is killed")
                self.kill(signal.SIGKILL)
        if self._watcher:
            self._watcher.join(STOP_SECONDS)

    def kill(self, signum: int) -> None:
        """Send a signal and don't wait; if it dies of it, it is started again."""
        if self._child:
            self._child.send_signal(signum)

    def _sweep(self) -> None:
        """End what it has left behind: Nginx's workers outlive a master that was killed, and keep its port."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def _spawn(self) -> None:
        self._child = subprocess.Popen(
            [*TIED, *self.argv],
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
        # The child is this thread's, which lives as long as the child is wanted: see TIED.
        pause, next_pause = 0.0, 0.0
        while not self._unwanted.wait(pause):
            born = time.monotonic()
            try:
                self._spawn()
            finally:
                spawned.set()
            if self._unwanted.is_set():
                self.kill(signal.SIGTERM)  # `stop` came between, and found nothing alive
            assert self._child
            code = self._child.wait()
            self._sweep()
            if self._unwanted.is_set():
                return
            # At once the first time; a process that can't live must not take the whole machine.
            pause = 0.0 if time.monotonic() - born > LONG_LIFE else next_pause
            next_pause = min(LONGEST_PAUSE, pause * 2 or 1.0)
            reason = f"signal {-code}" if code < 0 else f"exit code {code}"
            self._sink(self.name, f"died ({reason}) and is started again" + (f" in {pause:.0f} s" if pause else ""))
