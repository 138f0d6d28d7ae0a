"""The web shell: web's Python, kept running, because nearly every test makes a store and Django starts slowly."""

import json
import subprocess
from types import TracebackType

from local.topology import VENVS, Topology

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
    except Exception:
        fault = traceback.format_exc()
    print(json.dumps([said.getvalue(), fault]), flush=True)
"""


class WebShell:
    """Runs code as `manage shell` does, until its block ends. Started with its first use."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._child: subprocess.Popen[str] | None = None

    def __enter__(self) -> "WebShell":
        return self

    def run(self, code: str) -> str:
        """What the code printed. Raises RuntimeError with its traceback if it failed."""
        if self._child is None:
            self._child = subprocess.Popen(
                [str(VENVS / "web/bin/python"), "-c", LOOP],
                env={**self._topology.environment, "DJANGO_SETTINGS_MODULE": "cashier_web.settings"},
                cwd=self._topology.folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        assert self._child.stdin
        assert self._child.stdout
        self._child.stdin.write(f"{json.dumps(code)}\n")
        self._child.stdin.flush()
        said, fault = json.loads(self._child.stdout.readline())
        if fault:
            raise RuntimeError(fault)
        return said

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._child:
            self._child.communicate()  # the end of its input is its end
