"""The migrations create the tables that the models need.

Before roles were introduced, everybody with an account could call. A migration makes these people cashiers.
"""

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor


@pytest.mark.django_db
def test_the_migrations_agree_with_the_models() -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


@pytest.fixture
def current_tables(transactional_db):
    """Apply all migrations again after the test, because the next tests need the current tables."""
    yield
    call_command("migrate", verbosity=0)


@pytest.mark.usefixtures("current_tables")
def test_people_who_could_call_before_roles_were_introduced_become_cashiers_of_every_store() -> None:
    before, after = [("cashier_web", "0003_chain")], [("cashier_web", "0004_membership")]
    executor = MigrationExecutor(connection)
    executor.migrate(before)
    apps = executor.loader.project_state(before).apps
    for slug in ("north", "south"):
        apps.get_model("cashier_web", "Store").objects.create(slug=slug, name=slug)
    User.objects.create(username="anna")
    User.objects.create(username="boss", is_superuser=True)
    User.objects.create(username="gone", is_active=False)
    executor = MigrationExecutor(connection)
    executor.migrate(after)
    members = executor.loader.project_state(after).apps.get_model("cashier_web", "Membership").objects

    roles = {(each.person.username, each.store.slug, each.role) for each in members.select_related("person", "store")}
    assert {("anna", "north", 2), ("anna", "south", 2)} <= roles
    assert {person for person, _store, _role in roles} == {"anna"}
