"""The address of Redis: of one server, or of the Sentinels of several servers."""

import pytest

from cashier_core.redis_address import SentinelAddress, is_sentinel_address, parse_sentinel_address


def test_an_address_of_sentinels_has_their_hosts_the_name_of_the_primary_and_a_login() -> None:
    url = "sentinel://web:p%40ss@one:26379,10.0.0.2:26380/cashier"

    assert is_sentinel_address(url)
    assert parse_sentinel_address(url) == SentinelAddress(
        servers=[("one", 26379), ("10.0.0.2", 26380)],
        primary="cashier",
        login={"username": "web", "password": "p@ss"},
    )


def test_the_login_may_be_missing() -> None:
    assert parse_sentinel_address("sentinel://one:26379/cashier").login == {}


@pytest.mark.parametrize(
    "url",
    [
        "sentinel://",
        "sentinel://one:26379",
        "sentinel://one:26379/",
        "sentinel://one/cashier",
        "sentinel://one:26379,/cashier",
        "sentinel://one:26379,two/cashier",
        "sentinel://one:99999/cashier",
        "sentinel://web@one:26379/cashier",
        "sentinel://one:26379/cashier/0",
        "redis://one:6379/0",
    ],
)
def test_a_bad_address_is_refused(url) -> None:
    with pytest.raises(ValueError, match="must be like sentinel://"):
        parse_sentinel_address(url)
