"""Views on a real Valkey and a database of their own."""

import logging
from dataclasses import replace

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db.models.signals import post_migrate
from redis import Redis

from cashier_web import clients
from cashier_web.models import Membership, Role, Store


@pytest.fixture(autouse=True)
def environment(valkey, settings, tmp_path):
    """Sets variables for the views of one test: `environment(cashier_open_buttons=False)`."""

    def change(**values):
        settings.ENVIRONMENT = replace(settings.ENVIRONMENT, **values)
        clients.forget()

    settings.MEDIA_ROOT = tmp_path / "media"
    change(redis_url=valkey.url)
    with Redis.from_url(valkey.url) as client:
        client.flushall()
    yield change
    clients.forget()


@pytest.fixture(scope="session", autouse=True)
def default_store_is_always_there(django_db_setup) -> None:
    """In every order of the tests: one with real transactions leaves empty tables, and Django tells so by a signal."""

    def make(**_said) -> None:
        Store.objects.get_or_create(slug="default", defaults={"name": "cashier_q"})

    post_migrate.connect(make, sender=apps.get_app_config("cashier_web"), weak=False)


@pytest.fixture
def store(db) -> Store:
    return Store.objects.get(slug="default")


@pytest.fixture
def manager(client, store) -> User:
    """Manages the default store, and has signed in."""
    anna = User.objects.create_user("anna")
    Membership.objects.create(person=anna, store=store, role=Role.MANAGER)
    client.force_login(anna)
    return anna


@pytest.fixture
def redis(valkey):
    with Redis.from_url(valkey.url) as client:
        yield client


@pytest.fixture
def records(caplog):
    """Log records of the web service: call it for those until now."""
    caplog.set_level(logging.INFO, logger="cashier_web")
    return lambda: [record for record in caplog.records if record.name.startswith("cashier_web")]
