"""Fixtures for tests of the web service, with a real Valkey and a test database."""

import json
import logging
from dataclasses import replace
from io import StringIO

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from django.db.models.signals import post_migrate
from django.test import Client
from django.utils import translation
from redis import Redis

from cashier_core import logs
from cashier_web.infra import redis_clients, tokens
from cashier_web.models import Device, Membership, Role, Store
from tests.support.button import Button


@pytest.fixture(autouse=True)
def environment(valkey, settings, tmp_path):
    """Return a function that changes settings for one test. Example: `environment(cashier_open_buttons=False)`."""

    def change(**values):
        settings.ENVIRONMENT = replace(settings.ENVIRONMENT, **values)
        redis_clients.forget_clients()

    # After a test, the language of its last request stays active. `deactivate` activates the default language again.
    translation.deactivate()
    settings.MEDIA_ROOT = tmp_path / "media"
    change(redis_url=valkey.web_url)
    with Redis.from_url(valkey.url) as client:
        client.flushall()
    yield change
    redis_clients.forget_clients()


@pytest.fixture(scope="session", autouse=True)
def default_store_is_always_there(django_db_setup) -> None:
    """Create the default store again whenever Django has emptied the tables.

    Django empties the tables after each test with real transactions, and then sends the signal post_migrate.
    """

    def make(**_signal) -> None:
        # Redis does not run at this moment, and bulk_create sends no signals that need Redis.
        Store.objects.bulk_create([Store(slug="default", name="cashier_q")], ignore_conflicts=True)

    post_migrate.connect(make, sender=apps.get_app_config("cashier_web"), weak=False)


@pytest.fixture
def store(db) -> Store:
    return Store.objects.get(slug="default")


@pytest.fixture
def manager(client, store) -> User:
    """A manager of the default store, who has signed in."""
    anna = User.objects.create_user("anna")
    Membership.objects.create(person=anna, store=store, role=Role.MANAGER)
    client.force_login(anna)
    return anna


@pytest.fixture
def cashier(client, store) -> User:
    """A cashier of the default store, who has signed in."""
    anna = User.objects.create_user("anna", password="a secret of anna")
    Membership.objects.create(person=anna, store=store, role=Role.CASHIER)
    client.force_login(anna)
    return anna


@pytest.fixture
def closed_screens(environment) -> None:
    """Settings with which only known people and devices may press buttons or see screens."""
    environment(cashier_open_screens=False, cashier_open_buttons=False)


@pytest.fixture
def stores(db) -> tuple[Store, Store]:
    """Two more stores: north and south."""
    north, south = (Store.objects.create(slug=slug, name=slug.title()) for slug in ("north", "south"))
    return north, south


@pytest.fixture
def manager_of_north(client, stores) -> User:
    """A manager of the store north, who has signed in."""
    anna = User.objects.create_user("anna")
    Membership.objects.create(person=anna, store=stores[0], role=Role.MANAGER)
    client.force_login(anna)
    return anna


@pytest.fixture
def television() -> Client:
    """A browser in which nobody has signed in."""
    return Client()


@pytest.fixture
def redis(valkey):
    with Redis.from_url(valkey.url) as client:
        yield client


@pytest.fixture
def no_database(monkeypatch):
    """Return a function after which each use of the database fails, as if the database did not answer."""

    def fail(*args: object, **options: object) -> None:
        raise OperationalError("the database does not answer")

    def stop() -> None:
        monkeypatch.setattr(connection, "cursor", fail)

    yield stop
    monkeypatch.undo()


@pytest.fixture
def records(caplog):
    """Return a function that returns all records that the web service has logged since the test began."""
    caplog.set_level(logging.INFO, logger="cashier_web")
    return lambda: [record for record in caplog.records if record.name.startswith("cashier_web")]


@pytest.fixture
def log_lines():
    """Return a function that returns all JSON log lines of the web service since the test began, as dictionaries."""
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    options = dict(logs.formatter("json"))
    handler.setFormatter(options.pop("()")(**options))
    logger = logging.getLogger("cashier_web")
    logger.addHandler(handler)
    level = logger.level
    logger.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logger.removeHandler(handler)
    logger.setLevel(level)


@pytest.fixture
def make_button(client, store):
    """Return a function that creates a device with its own token. Example: `make_button(till=4, slug="north")`."""

    def make(till=None, slug="default", **fields) -> Button:
        token = tokens.new_token()
        device = Device.objects.create(
            store=Store.objects.get(slug=slug),
            name=f"device {Device.objects.count()}",
            till=till,
            token_hash=tokens.token_hash(token),
            **fields,
        )
        return Button(client, token, device, slug)

    return make
