"""The web page: Locust's own, with the exact verdict beside its rounded figures."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from flask import Flask, abort, request

from loadtests.measure.records import Records
from loadtests.profiles import HOLD_SECONDS
from loadtests.verdict import report, slos
from loadtests.verdict.ledger import balance
from loadtests.verdict.run import Run


def add_verdict(app: Flask, folder: Path, the_run: Callable[[], Run]) -> None:
    """At /verdict, the report of the run that has ended last. folder: where each process has written what it saw.

    Locust asks nobody who he is: no page of another site may start a run through this browser.
    """

    @app.before_request
    def refuse_others() -> None:
        origin = request.headers.get("Origin")
        if origin and urlsplit(origin).netloc != request.host:
            abort(403)

    @app.route("/verdict")
    def verdict() -> str | tuple[str, int]:
        run = the_run()
        run.records = Records.read(sorted(folder.glob("*.json")))
        if not run.records.stays:
            return "Nothing to judge yet: a run must have ended.", 404
        account = balance(run.records, HOLD_SECONDS, run.kills)
        lines = slos.judge(run, account)
        return report.html(run, account, lines, report.figures(run, account, lines))
