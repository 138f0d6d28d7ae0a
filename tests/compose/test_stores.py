"""With PostgreSQL, the import and export of CSV tables works, and a device's call is saved in the history."""

import csv
import io

import httpx

from cashier_local.ports import wait_until

WEB = ("exec", "-T", "web", "python", "-m", "cashier_web")


def import_table(stack, what: str, table: str) -> str:
    """Import a CSV table of stores, people or devices with web's management command, and return its output."""
    command = f"printf '{table}' | python -m cashier_web {what} import -"
    return stack.compose("exec", "-T", "web", "sh", "-c", command)


def test_stores_are_imported_and_exported_as_a_table(stack) -> None:
    output = import_table(stack, "stores", "slug,name,labels\\ntable-1,North,2=Pharmacy\\ntable-2,South,\\n")
    assert output.endswith("2 new, 0 changed, 0 unchanged\n")

    exported = stack.compose(*WEB, "stores", "export").replace("\ufeff", "").splitlines()
    assert any(line.startswith("slug,name,city,time_zone,tills,labels") for line in exported)
    assert [line.split(",")[5] for line in exported if line.startswith("table-")] == ["2=Pharmacy", ""]


def test_people_and_devices_are_imported_and_the_call_of_a_device_is_in_the_history(stack) -> None:
    import_table(stack, "stores", "slug,name\\nroster-1,North\\nroster-2,South\\n")
    first = import_table(stack, "people", "username,roles\\nberta,roster-1=cashier; roster-2=viewer\\n")
    assert first.splitlines()[-1] == "1 new, 0 changed, 0 unchanged"
    second = import_table(stack, "people", "username,roles\\nberta,roster-1=manager\\n")
    assert second.splitlines()[-1] == "0 new, 1 changed, 0 unchanged"
    assert "berta,,,yes,roster-1=manager" in stack.compose(*WEB, "people", "export")
    assert "/welcome/" in stack.compose(*WEB, "people", "links", "https://queue.example.com")

    devices = csv.DictReader(io.StringIO(import_table(stack, "devices", "store,name,till\\nroster-1,Button,3\\n")))
    # The output also contains messages, so only the row of the device is used.
    (token,) = [row["token"] for row in devices if row["store"] == "roster-1"]
    assert httpx.get(f"{stack.url}/api/v1/press?token={token}").json()["text"] == "Nº3 called"
    calls = "from cashier_web.models import PastCall as P; print(*P.objects.values_list('by', 'till', 'outcome'))"
    history = (*WEB, "shell", "--no-imports", "-c", calls)
    wait_until(lambda: "('Button', 3, 'shown')" in stack.compose(*history), 30, "the call is in the database")
