"""The management command `stores`, which imports the stores of a chain from a CSV file and exports them."""

from cashier_web.management.table_command import ResourceCommand
from cashier_web.stores.resources import StoreResource, StoresCSV


class Command(ResourceCommand):
    help = "Imports a chain's stores from a CSV file, all or nothing, or exports them."
    resource = StoreResource
    format = StoresCSV
