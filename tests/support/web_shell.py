"""Runs a Python process of the web service that tests use again and again, because Django starts slowly."""

import json
import subprocess
from typing import Any

from cashier_local.topology import ROOT, VENVS, Topology


class WebShell:
    """Runs functions of tests/support/web_functions.py in a Python process of web.

    The process is started when a test runs the first function, and runs all further functions, too.
    """

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._child: subprocess.Popen[str] | None = None

    def __enter__(self) -> "WebShell":
        return self

    def call(self, function: str, **arguments: object) -> Any:
        """Call the function and return its result.

        If the function fails, raises RuntimeError with the function's traceback.
        """
        child = self._child = self._child or self._start()
        assert child.stdout
        try:
            print(json.dumps([function, arguments]), file=child.stdin, flush=True)
            result, error = json.loads(child.stdout.readline())
        except BaseException:
            # The child process may not have answered yet, for example if the timeout of the test has raised the
            # exception. The next function that a test calls would read this late answer as its own, so the child
            # process is stopped.
            self._stop()
            raise
        if error:
            raise RuntimeError(error)
        return result

    def __exit__(self, *exception: object) -> None:
        self._stop()

    def _start(self) -> subprocess.Popen[str]:
        settings = {"DJANGO_SETTINGS_MODULE": "cashier_web.settings", "PYTHONPATH": str(ROOT)}
        return subprocess.Popen(
            [str(VENVS / "web/bin/python"), "-m", "tests.support.web_shell_child"],
            env={**self._topology.environment, **settings},
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
