"""The web shell: web's Python, kept running, because nearly every test makes a store and Django starts slowly."""

import json
import subprocess

from cashier_local.topology import VENVS, Topology

# A line of JSON in, one out: what it printed and, if it failed, its traceback.
LOOP = """
import contextlib, io, json, sys, traceback
import django
django.setup()
for line in sys.stdin:
    said, fault = io.StringIO(), ""
    try:
        with contextlib.redirect_stdout(said):
            exec(json.loads(line), {})
    except BaseException:
        fault = traceback.format_exc()
    print(json.dumps([said.getvalue(), fault]), flush=True)
"""


class WebShell:
    """Runs code as `manage shell` does, until its block ends. Started when it is used."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._child: subprocess.Popen[str] | None = None

    def __enter__(self) -> "WebShell":
        return self

    def run(self, code: str) -> str:
        """What the code printed. Raises RuntimeError with its traceback if it failed."""
        child = self._child = self._child or self._start()
        assert child.stdout
        try:
            print(json.dumps(code), file=child.stdin, flush=True)
            said, fault = json.loads(child.stdout.readline())
        except BaseException:  # a test's timeout, too: the answer would be taken for the next one's
            self._stop()
            raise
        if fault:
            raise RuntimeError(fault)
        return said

    def __exit__(self, *fault: object) -> None:
        self._stop()

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(VENVS / "web/bin/python"), "-c", LOOP],
            env={**self._topology.environment, "DJANGO_SETTINGS_MODULE": "cashier_web.settings"},
            cwd=self._topology.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def _stop(self) -> None:
        if self._child:
            self._child.kill()
            self._child.communicate()
            self._child = None
