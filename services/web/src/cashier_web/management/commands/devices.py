"""`devices import devices.csv`, which prints the new ones' tokens as CSV, and `devices export`."""

from collections.abc import Iterator

from auditlog.models import LogEntry
from django.db import transaction

from cashier_web.audit import note
from cashier_web.devices.views import DeviceForm
from cashier_web.infra import csv_table, tokens
from cashier_web.infra.form_errors import line_per_field
from cashier_web.management.table_command import BadTable, TableCommand
from cashier_web.models import Device, Store

COLUMNS = ["store", "name", "till"]


class Command(TableCommand):
    help = "Brings devices in from a table, all or nothing, and prints the new ones' tokens; or writes that table."

    def export_table(self) -> str:
        devices = Device.objects.filter(revoked_at=None).select_related("store").order_by("store__slug", "name")
        return csv_table.write(COLUMNS, [(each.store.slug, each.name, each.till or "") for each in devices])

    def import_table(self, table: str, dry_run: bool) -> Iterator[str]:
        names, rows = csv_table.read(table, COLUMNS, ["store", "name"])
        with transaction.atomic():
            new = self.save(names, rows)
            if dry_run:
                new = [(device, "") for device, _token in new]  # none that would ever be of use
                transaction.set_rollback(True)
            told = [(device.store.slug, device.name, device.till or "", token) for device, token in new]
            # Before they are good: nobody has tokens that were never written down.
            yield from csv_table.write([*COLUMNS, "token"], told).splitlines()
            self.stdout.flush()
        known = len(rows) - len(new)
        self.stderr.write(f"{len(new)} new, {known} known" + (": this was a dry run" if dry_run else ""))

    def save(self, names: list[str], rows: list[tuple[int, list[str]]]) -> list[tuple[Device, str]]:
        """Make or change the devices; the new ones, each with its token. Raises BadTable."""
        stores = {store.slug: store for store in Store.objects.all()}
        known = {(each.store_id, each.name): each for each in Device.objects.select_for_update()}
        reasons, new, changed, seen = [], [], [], set()
        for line, cells in rows:
            row = dict(zip(names, cells, strict=True))
            store = stores.get(row["store"])
            if store is None:
                reasons.append(f"line {line}: there is no store {row['store']!r}")
                continue
            key = (store.pk, row["name"])
            if key in seen:
                reasons.append(f"line {line}: this device was in a line before")
            seen.add(key)
            device = known.get(key) or Device(store=store)
            if device.revoked_at:
                reasons.append(f"line {line}: this device was revoked; its page has new tokens")
                continue
            form = DeviceForm({"till": device.till or "", **row}, store, device)
            if not form.is_valid():
                reasons += [f"line {line}: {reason}" for reason in line_per_field(form)]
            elif device.pk:
                changed.append(device)
            else:
                token = tokens.new_token()
                device.token_hash = tokens.token_hash(token)
                new.append((device, token))
        if reasons:
            raise BadTable(reasons)
        Device.objects.bulk_create([device for device, _token in new], batch_size=500)
        note(LogEntry.Action.CREATE, [(device, {"till": ("", f"{device.till or ''}")}) for device, _token in new])
        for device in changed:
            device.save(update_fields=["till"])
        return new
