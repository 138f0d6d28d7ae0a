"""A chain's stores come and go as a table, on the deployment's own database."""

WEB = ("exec", "-T", "web", "python", "-m", "cashier_web")


def test_stores_come_in_as_a_table_and_go_out_again(stack) -> None:
    table = "slug,name,labels\\ntable-1,North,2=Pharmacy\\ntable-2,South,\\n"
    stores = f"printf '{table}' | python -m cashier_web stores import -"
    told = stack.compose("exec", "-T", "web", "sh", "-c", stores)
    assert told.endswith("2 new, 0 changed, 0 as they were\n")

    out = stack.compose(*WEB, "stores", "export").splitlines()
    assert any(line.startswith("slug,name,city,time_zone,tills,labels") for line in out)
    assert [line.split(",")[5] for line in out if line.startswith("table-")] == ["2=Pharmacy", ""]
