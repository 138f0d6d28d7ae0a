"""The management command `devices`, which imports devices from a CSV file and exports them.

An import prints the tokens of new devices as CSV.
"""

from collections.abc import Collection, Iterator

from auditlog.models import LogEntry
from django.db import transaction

from cashier_web.audit import note
from cashier_web.devices.views import DeviceForm
from cashier_web.infra import csv_table, tokens
from cashier_web.infra.form_errors import line_per_field
from cashier_web.infra.lookalikes import Lookalikes
from cashier_web.infra.table_resource import doubts_about_cells, doubts_about_key
from cashier_web.management.table_command import CONFIRM, BadTable, TableCommand
from cashier_web.models import Device, Store

COLUMNS = ["store", "name", "till"]


class Command(TableCommand):
    help = "Imports devices from a CSV file, all or nothing, and prints the tokens of new devices; or exports devices."

    def export_table(self) -> str:
        devices = Device.objects.filter(revoked_at=None).select_related("store").order_by("store__slug", "name")
        return csv_table.write_for_excel(COLUMNS, [(each.store.slug, each.name, each.till or "") for each in devices])

    def import_table(self, table: bytes, dry_run: bool, is_confirmed: bool) -> Iterator[str]:
        names, rows = csv_table.read(csv_table.decode(table), COLUMNS, ["store", "name"])
        with transaction.atomic():
            new = self.save(names, rows, is_confirmed)
            if dry_run:
                # A dry run saves nothing, so its tokens would never be valid, and are not printed.
                new = [(device, "") for device, _token in new]
                transaction.set_rollback(True)
            printed = [(device.store.slug, device.name, device.till or "", token) for device, token in new]
            # The tokens are printed before the transaction commits. If printing fails, the devices are not saved. If
            # the tokens were printed after the commit and printing failed, the database would contain devices whose
            # tokens nobody has seen.
            yield from csv_table.write([*COLUMNS, "token"], printed).splitlines()
            self.stdout.flush()
        known = len(rows) - len(new)
        self.stderr.write(f"{len(new)} new, {known} known" + (": this was a dry run" if dry_run else ""))

    def save(self, names: list[str], rows: list[tuple[int, list[str]]], is_confirmed: bool) -> list[tuple[Device, str]]:
        """Create or change the devices in these rows. Returns the new devices, each with its token.

        Raises BadTable, with all reasons, if a row is refused.
        """
        # The stores are locked, so that nobody deletes a store or reduces its tills after the check. Other transactions
        # lock stores in the same order.
        slugs = {cells[names.index("store")] for _line, cells in rows}
        locked = Store.objects.select_for_update(no_key=True).filter(slug__in=slugs).order_by("slug")
        stores = {store.slug: store for store in locked}
        known = {(each.store_id, each.name): each for each in Device.objects.select_for_update()}
        lookalikes = {
            store.pk: Lookalikes(name for store_id, name in known if store_id == store.pk) for store in stores.values()
        }
        devices: dict[tuple[int, str], Device] = {}
        reasons: list[str] = []
        doubts: list[str] = []
        for line, cells in rows:
            row = dict(zip(names, cells, strict=True))
            store = stores.get(row["store"])
            if store is None:
                reasons.append(f"line {line}: there is no store {row['store']!r}")
                continue
            key = (store.pk, row["name"])
            device = known.get(key) or Device(store=store)
            if key in devices:
                reasons.append(f"line {line}: this device already appears in an earlier line")
            elif device.revoked_at:
                reasons.append(f"line {line}: this device was revoked; create a new token on the page of its store")
            else:
                form = DeviceForm({"till": device.till or "", **row}, store, device)
                reasons += [f"line {line}: {reason}" for reason in line_per_field(form)]
            devices[key] = device
            if not device.pk:
                doubts += doubts_about_key(line, lookalikes[store.pk], row["name"])
                doubts += doubts_about_cells(line, cells)
        if reasons:
            raise BadTable(reasons)
        if doubts and not is_confirmed:
            raise BadTable([*doubts, CONFIRM])
        return save_devices(devices.values())


def save_devices(devices: Collection[Device]) -> list[tuple[Device, str]]:
    """Save the devices, and give a token to each new device. Returns the new devices, each with its token."""
    new = [(device, tokens.new_token()) for device in devices if not device.pk]
    for device, token in new:
        device.token_hash = tokens.token_hash(token)
    known = [device for device in devices if device.pk]
    Device.objects.bulk_create([device for device, _token in new], batch_size=500)
    note(LogEntry.Action.CREATE, [(device, {"till": ("", f"{device.till or ''}")}) for device, _token in new])
    for device in known:
        device.save(update_fields=["till"])
    return new
