"""The options of the database connection in DATABASE_URL are used. They replace the defaults of settings.py."""

import json
import subprocess
import sys

PRINT = "import json, cashier_web.settings as s; print(json.dumps(s.DATABASES['default']))"


def settings_of(url: str) -> dict:
    key = "only for tests, " * 3
    environment = {"DATABASE_URL": url, "CASHIER_SECRET_KEY": key, "CASHIER_TICKET_KEY": key}
    argv = [sys.executable, "-c", PRINT]
    printed = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True)
    return json.loads(printed.stdout)


def options(url: str) -> dict:
    return settings_of(url)["OPTIONS"]


def test_options_in_the_url_are_kept_and_replace_defaults() -> None:
    used = options("postgres://web@db.example/cashier_q?sslmode=verify-full&sslrootcert=/ca.pem&connect_timeout=9")

    assert (used["sslmode"], used["sslrootcert"]) == ("verify-full", "/ca.pem")
    assert int(used["connect_timeout"]) == 9
    assert used["keepalives_count"] > 0


def test_a_url_may_name_several_servers_of_which_one_accepts_writes() -> None:
    used = settings_of(
        "postgres://web:p%40ss@db1.example:6432,db2.example,[2001:db8::3]:5433/cashier_q?sslmode=require"
    )

    assert (used["HOST"], used["PORT"]) == ("db1.example,db2.example,2001:db8::3", "6432,5432,5433")
    assert (used["USER"], used["PASSWORD"], used["NAME"]) == ("web", "p@ss", "cashier_q")
    assert used["OPTIONS"]["target_session_attrs"] == "read-write"
    assert used["OPTIONS"]["sslmode"] == "require"


def test_a_url_with_one_server_has_no_other_options_than_before() -> None:
    used = settings_of("postgres://web:secret@db.example:6432/cashier_q")

    assert (used["HOST"], used["PORT"]) == ("db.example", 6432)
    assert "target_session_attrs" not in used["OPTIONS"]
