"""Creates the Redis clients of web and ws from an address: of one Redis, or of the Sentinels of several Redis servers.

With several servers, one is the *primary*, and the others are its *replicas*, which copy all its data. Sentinels watch
them. If the primary does not answer, they make a replica the new primary (a *failover*). A client asks a Sentinel for
the primary whenever it opens a connection. See https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/.
"""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from redis import Redis, Sentinel
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio import Sentinel as AsyncSentinel
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

SENTINEL_SCHEME = "sentinel://"
ADDRESS = re.compile(
    r"sentinel://((?P<user>[^/?#@:]+):(?P<password>[^/?#@:]+)@)?(?P<servers>[^/?#@]+)/(?P<primary>[\w.-]+)"
)
SERVER = re.compile(r"(?P<host>[\w.-]+):(?P<port>\d{1,5})")
SENTINEL_SECONDS = 0.5
"""How long a Sentinel may take to accept a connection, and to answer. The next Sentinel is then asked."""


@dataclass(frozen=True, slots=True)
class SentinelAddress:
    """The address of the Sentinels.

    servers: the host and the port of each Sentinel. primary: the name that the Sentinels have for the primary. login:
    the options `username` and `password` for the Sentinels and for Redis; empty if they need none.
    """

    servers: list[tuple[str, int]]
    primary: str
    login: dict[str, str]


class _InAnyOrder:
    """Asks the Sentinels in a new random order each time.

    After a failover, some Sentinels learn up to two seconds later than others which server is the primary. redis-py
    would always ask the same Sentinel first, and web could not reach the new primary until this Sentinel knows it.
    Also, redis-py moves the Sentinel that has answered to the front of its list, which is not safe with threads.
    Therefore each use of `sentinels` gets a list of its own. channels_redis creates its Sentinel client itself, so it
    does not use this class.
    """

    @property
    def sentinels(self) -> list[Any]:
        return random.sample(self._sentinels, len(self._sentinels))

    @sentinels.setter
    def sentinels(self, clients: list[Any]) -> None:
        self._sentinels = tuple(clients)


class _Sentinels(_InAnyOrder, Sentinel):
    pass


class _AsyncSentinels(_InAnyOrder, AsyncSentinel):
    pass


def is_sentinel_address(url: str) -> bool:
    return url.startswith(SENTINEL_SCHEME)


def parse_sentinel_address(url: str) -> SentinelAddress:
    """Parse `sentinel://user:password@host1:26379,host2:26379/primary`. Raises ValueError for any other text."""
    found = ADDRESS.fullmatch(url)
    servers = [SERVER.fullmatch(each) for each in found["servers"].split(",")] if found else []
    if not found or not all(each and int(each["port"]) <= 65535 for each in servers):
        raise ValueError("must be like sentinel://user:password@host1:26379,host2:26379,host3:26379/primary")
    login = {"username": unquote(found["user"]), "password": unquote(found["password"])} if found["user"] else {}
    return SentinelAddress([(each["host"], int(each["port"])) for each in servers if each], found["primary"], login)


def redis_client(url: str, **options: Any) -> "Redis":
    """Create a client that blocks. options: the options of a connection, as for `redis.Redis`."""
    if not is_sentinel_address(url):
        return Redis.from_url(url, **options)
    client: Redis = _client_of_primary(_Sentinels, url, Retry(NoBackoff(), 0), options)
    return client


def async_redis_client(url: str, **options: Any) -> "AsyncRedis":
    """Create a client for asyncio. options: as for `redis_client`."""
    if not is_sentinel_address(url):
        return AsyncRedis.from_url(url, **options)
    client: AsyncRedis = _client_of_primary(_AsyncSentinels, url, AsyncRetry(NoBackoff(), 0), options)
    return client


def _client_of_primary(
    sentinels: Callable[..., Any], url: str, retry: Retry | AsyncRetry, options: dict[str, Any]
) -> Any:
    """Create a client that asks the Sentinels for the primary. sentinels: the class of the client of the Sentinels."""
    address = parse_sentinel_address(url)
    client = sentinels(address.servers, sentinel_kwargs=_sentinel_options(address, retry))
    return client.master_for(address.primary, **address.login, **options)


def channel_layer_host(url: str, **options: Any) -> dict[str, Any]:
    """Return an element of the setting `hosts` of channels_redis. options: as for `redis_client`."""
    if not is_sentinel_address(url):
        return {"address": url, **options}
    address = parse_sentinel_address(url)
    sentinels = {
        "sentinels": address.servers,
        "master_name": address.primary,
        "sentinel_kwargs": _sentinel_options(address, AsyncRetry(NoBackoff(), 0)),
    }
    return {**sentinels, **address.login, **options}


def _sentinel_options(address: SentinelAddress, retry: Retry | AsyncRetry) -> dict[str, Any]:
    """Return the options of a connection to a Sentinel. retry: repeats nothing, because another Sentinel is asked."""
    timeouts = {"socket_connect_timeout": SENTINEL_SECONDS, "socket_timeout": SENTINEL_SECONDS}
    return {**timeouts, "retry": retry, **address.login}
