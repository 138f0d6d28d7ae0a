"""A device may do only what its token allows, and only in its own store.

The tests request every operation of the API with every kind of token.
"""

import pytest
from django.utils import timezone

from cashier_web.api.views import api
from cashier_web.infra import tokens
from cashier_web.models import Device, Store

pytestmark = pytest.mark.django_db
WHO = ("nobody", "forged", "revoked", "elsewhere", "store", "till 2", "till 3")
HERE, NOWHERE = "/api/v1/stores/here/calls", "/api/v1/stores/nowhere/calls"
# TABLE contains the expected status of each request: one status for each kind of token in WHO, in the same order.
# "nobody" sends no token, and the device "elsewhere" belongs to another store. At each request, till 1 is shown in the
# store "here", and a call of till 2 is queued.
TABLE = {
    ("GET", HERE): (401, 401, 401, 403, 200, 200, 200),
    # This request calls till 3, so the device of till 2 gets the status 403.
    ("POST", HERE): (401, 401, 401, 403, 201, 403, 201),
    ("DELETE", f"{HERE}/<call of till 2>"): (401, 401, 401, 403, 204, 204, 403),
    ("DELETE", f"{HERE}/<call of till 1>"): (401, 401, 401, 403, 409, 403, 403),
    ("DELETE", f"{HERE}/unknown"): (401, 401, 401, 403, 404, 404, 404),
    ("GET", NOWHERE): (401, 401, 401, 403, 403, 403, 403),
    ("POST", NOWHERE): (401, 401, 401, 403, 403, 403, 403),
    ("DELETE", f"{NOWHERE}/<call of till 2>"): (401, 401, 401, 403, 403, 403, 403),
    # The device of till 2 gets the status 200 and not 201, because till 2 already has a queued call.
    ("GET", "/api/v1/press"): (401, 401, 401, 401, 401, 200, 201),
    ("POST", "/api/v1/press"): (401, 401, 401, 401, 401, 200, 201),
}


@pytest.fixture
def token_of(redis):
    """Create two stores and their devices. Returns one token of each kind in WHO."""
    here, elsewhere = (Store.objects.create(slug=slug, name=slug.title()) for slug in ("here", "elsewhere"))

    def make(store, **fields):
        token = tokens.new_token()
        Device.objects.create(store=store, name=token, token_hash=tokens.token_hash(token), **fields)
        return token

    return {
        "nobody": "",
        "forged": tokens.new_token(),
        "revoked": make(here, revoked_at=timezone.now()),
        "elsewhere": make(elsewhere),
        "store": make(here),
        "till 2": make(here, till=2),
        "till 3": make(here, till=3),
    }


@pytest.mark.parametrize("who", WHO)
def test_every_token_may_do_what_the_table_says_and_nothing_else(client, token_of, redis, who) -> None:
    answers = {}
    for method, path in TABLE:
        redis.flushall()
        queueing_device = {"authorization": f"Bearer {token_of['store']}"}
        address = path
        for till in (1, 2):
            pressed = client.post(HERE, {"till": till}, content_type="application/json", headers=queueing_device)
            address = address.replace(f"<call of till {till}>", pressed.json()["id"])
        token = token_of[who]
        if path.endswith("/press"):
            response = client.generic(method, f"{path}?token={token}")
        else:
            headers = {"authorization": f"Bearer {token}"} if token else {}
            response = client.generic(method, address, '{"till": 3}', "application/json", headers=headers)
        answers[method, path] = response.status_code

    assert answers == {key: statuses[WHO.index(who)] for key, statuses in TABLE.items()}


def test_the_table_contains_every_operation_of_the_api() -> None:
    served = {
        (method.upper(), path.format(slug="here", id="<call of till 2>"))
        for path, each in api.get_openapi_schema()["paths"].items()
        for method in each
        if "/fleet/" not in path  # test_fleet_api.py tests these operations.
    }

    assert served <= set(TABLE)
    assert len(served) == 5
