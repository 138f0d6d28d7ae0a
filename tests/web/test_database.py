"""The options of the database connection in DATABASE_URL are used. They replace the defaults of settings.py."""

import json
import subprocess
import sys

PRINT_OPTIONS = "import json, cashier_web.settings as s; print(json.dumps(s.DATABASES['default']['OPTIONS']))"


def options(url: str) -> dict:
    key = "only for tests, " * 3
    environment = {"DATABASE_URL": url, "CASHIER_SECRET_KEY": key, "CASHIER_TICKET_KEY": key}
    argv = [sys.executable, "-c", PRINT_OPTIONS]
    printed = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True)
    return json.loads(printed.stdout)


def test_options_in_the_url_are_kept_and_replace_defaults() -> None:
    used = options("postgres://web@db.example/cashier_q?sslmode=verify-full&sslrootcert=/ca.pem&connect_timeout=9")

    assert (used["sslmode"], used["sslrootcert"]) == ("verify-full", "/ca.pem")
    assert int(used["connect_timeout"]) == 9
    assert used["keepalives_count"] > 0
