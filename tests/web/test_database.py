"""What DATABASE_URL says of the database is kept, beside what suits every one."""

import json
import subprocess
import sys

TELL = "import json, cashier_web.settings as s; print(json.dumps(s.DATABASES['default']['OPTIONS']))"


def options(url: str) -> dict:
    key = "only for tests, " * 3
    environment = {"DATABASE_URL": url, "CASHIER_SECRET_KEY": key, "CASHIER_TICKET_KEY": key}
    told = subprocess.run([sys.executable, "-c", TELL], env=environment, capture_output=True, text=True, check=True)
    return json.loads(told.stdout)


def test_a_certificate_that_shall_be_checked_is_checked_and_a_timeout_of_its_own_goes_first() -> None:
    told = options("postgres://web@db.example/cashier_q?sslmode=verify-full&sslrootcert=/ca.pem&connect_timeout=9")

    assert (told["sslmode"], told["sslrootcert"]) == ("verify-full", "/ca.pem")
    assert int(told["connect_timeout"]) == 9
    assert told["keepalives_count"] > 0
