"""Stores, people and devices come and go as tables, and calls are kept, on the deployment's own database."""

import csv
import io

import httpx

from cashier_local.ports import wait_until

WEB = ("exec", "-T", "web", "python", "-m", "cashier_web")


def bring(stack, what: str, table: str) -> str:
    """`... import -` of a table; what it printed."""
    command = f"printf '{table}' | python -m cashier_web {what} import -"
    return stack.compose("exec", "-T", "web", "sh", "-c", command)


def test_stores_come_in_as_a_table_and_go_out_again(stack) -> None:
    told = bring(stack, "stores", "slug,name,labels\\ntable-1,North,2=Pharmacy\\ntable-2,South,\\n")
    assert told.endswith("2 new, 0 changed, 0 unchanged\n")

    out = stack.compose(*WEB, "stores", "export").splitlines()
    assert any(line.startswith("slug,name,city,time_zone,tills,labels") for line in out)
    assert [line.split(",")[5] for line in out if line.startswith("table-")] == ["2=Pharmacy", ""]


def test_people_and_devices_come_in_as_tables_and_a_devices_call_is_kept(stack) -> None:
    bring(stack, "stores", "slug,name\\nroster-1,North\\nroster-2,South\\n")
    first = bring(stack, "people", "username,roles\\nberta,roster-1=cashier; roster-2=viewer\\n")
    assert first.splitlines()[-1] == "1 new, 0 changed, 0 unchanged"
    second = bring(stack, "people", "username,roles\\nberta,roster-1=manager\\n")
    assert second.splitlines()[-1] == "0 new, 1 changed, 0 unchanged"
    assert "berta,,,yes,roster-1=manager" in stack.compose(*WEB, "people", "export")
    assert "/welcome/" in stack.compose(*WEB, "people", "links", "https://queue.example.com")

    devices = csv.DictReader(io.StringIO(bring(stack, "devices", "store,name,till\\nroster-1,Button,3\\n")))
    (token,) = [row["token"] for row in devices if row["store"] == "roster-1"]  # what was told beside it is no row
    assert httpx.get(f"{stack.url}/api/v1/press?token={token}").json()["text"] == "Nº3 called"
    calls = "from cashier_web.models import PastCall as P; print(*P.objects.values_list('by', 'till', 'outcome'))"
    kept = (*WEB, "shell", "--no-imports", "-c", calls)
    wait_until(lambda: "('Button', 3, 'shown')" in stack.compose(*kept), 30, "the call is in the database")
