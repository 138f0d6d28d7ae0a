"""Adds a page with the exact verdict of a run to Locust's web page. Locust's own figures are rounded."""

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
    """Add the page /verdict, which shows the report of the run that ended last.

    folder: where the processes of Locust have written their records. current_run: a function that returns a Run without
    records. The page adds the records from the folder.
    """

    @app.before_request
    def refuse_other_origins() -> None:
        """Refuse requests that come from the page of another site.

        Locust requires no account. Without this check, such a page could start a run through the browser of the person
        who uses Locust.
        """
        origin = request.headers.get("Origin")
        if origin and urlsplit(origin).netloc != request.host:
            abort(403)

    @app.route("/verdict")
    def verdict() -> str | tuple[str, int]:
        run = current_run()
        run.records = Records.read(sorted(folder.glob("*.json")))
        if not run.records.connections:
            return "There is no verdict yet. Start a run and wait until it has ended.", 404
        account = balance(run.records, HOLD_SECONDS, run.faults)
        objectives = slos.evaluate(run, account)
        return report.html(run, account, objectives, report.figures(run, account, objectives))
