"""`stores import stores.csv` and `stores export`: a chain's stores as a table."""

from collections.abc import Iterator

from import_export.results import Result, RowResult

from cashier_web.management.table_command import TableCommand, Unfit, total
from cashier_web.stores.resources import StoreResource, StoresCSV, cells, reasons


class Command(TableCommand):
    help = "Brings a chain's stores in from a table, all or nothing, or writes that table."

    def take(self) -> str:
        return str(StoresCSV().export_data(StoreResource().export()))

    def bring(self, table: str, dry_run: bool) -> Iterator[str]:
        dataset = StoresCSV().create_dataset(table)
        result = StoreResource().import_data(dataset, dry_run=dry_run, rollback_on_validation_errors=True)
        if result.has_errors() or result.has_validation_errors():
            raise Unfit(list(reasons(result)))
        yield from changes(result)
        totals = result.totals
        yield total(
            totals[RowResult.IMPORT_TYPE_NEW],
            totals[RowResult.IMPORT_TYPE_UPDATE],
            totals[RowResult.IMPORT_TYPE_SKIP],
            dry_run,
        )


def changes(result: Result) -> Iterator[str]:
    """A line for each store that is new, and for each value that is another."""
    for row in result.rows:
        if row.import_type == RowResult.IMPORT_TYPE_NEW:
            yield f"{row.instance.slug}: new"
        elif row.import_type == RowResult.IMPORT_TYPE_UPDATE:
            before, now = cells(row.original), cells(row.instance)
            told = [f"{name} {before[name]!r} -> {now[name]!r}" for name in now if before[name] != now[name]]
            yield f"{row.instance.slug}: {', '.join(told)}"
