"""Adds the exact verdict of a run to Locust's own web page, whose figures are rounded."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from flask import Flask, abort, request

from loadtests.measure.records import Records
from loadtests.profiles import HOLD_SECONDS
from loadtests.verdict import report, slos
from loadtests.verdict.ledger import balance
from loadtests.verdict.run import Run


def add_verdict(app: Flask, folder: Path, current_run: Callable[[], Run]) -> None:
    """Serve the report of the run that ended last at /verdict.

    folder: where each process of Locust wrote its records. current_run: returns the run, still without records.
    """

    @app.before_request
    def refuse_other_origins() -> None:
        """Locust has no sign-in, so a page of another site could otherwise start a run through this browser."""
        origin = request.headers.get("Origin")
        if origin and urlsplit(origin).netloc != request.host:
            abort(403)

    @app.route("/verdict")
    def verdict() -> str | tuple[str, int]:
        run = current_run()
        run.records = Records.read(sorted(folder.glob("*.json")))
        if not run.records.connections:
            return "There is no verdict yet. Start a run and wait until it has ended.", 404
        account = balance(run.records, HOLD_SECONDS, run.kills)
        objectives = slos.evaluate(run, account)
        return report.html(run, account, objectives, report.figures(run, account, objectives))
