"""Starts the system that `make load` tests: a local topology or, for the profile `chaos`, also a compose stack."""

import contextlib
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cashier_local.topology import Topology
from loadtests.chaos.compose_topology import ComposeTopology
from loadtests.chaos.disk import COMPOSE_MEGABYTES, small_disk
from loadtests.chaos.local_topology import LocalChaosTopology
from loadtests.chaos.packets import remove_leftovers
from loadtests.profiles import SCREEN_SECRETS, Profile, device_token

SCREENS_OF_A_REPLICA, SCREENS_OF_AN_NGINX_WORKER = 8000, 4000
"""For how many screens a process has room. `make up` uses the same numbers for CASHIER_SCREENS."""


@contextmanager
def local_topology(folder: Path, profile: Profile, log: Path) -> Iterator[Topology]:
    """Start a topology with the stores of the profile, and stop it at the end.

    Its buttons need no account. Its screens are paired if the profile is proven, and otherwise need not be paired. It
    has two replicas, or more if the profile has more screens than two replicas have room for. log: the file for the
    output of all its processes.
    """
    environment = {
        **os.environ,
        "CASHIER_OPEN_BUTTONS": "true",
        "CASHIER_OPEN_SCREENS": str(not profile.proven).lower(),
        "CASHIER_LOG_LEVEL": "WARNING",
    }
    with contextlib.ExitStack() as stack:
        lines = stack.enter_context(log.open("w", buffering=1))
        if profile.chaos and not os.geteuid():
            remove_leftovers()
            stack.enter_context(small_disk(folder))

        def write(name: str, line: str) -> None:
            print(f"{name} | {line}", file=lines)

        topology = (
            LocalChaosTopology(folder, write, environment=environment)
            if profile.chaos
            else Topology(
                folder,
                write,
                replicas=max(2, math.ceil(profile.screens / SCREENS_OF_A_REPLICA)),
                nginx_workers=max(os.cpu_count() or 1, math.ceil(profile.screens / SCREENS_OF_AN_NGINX_WORKER)),
                environment=environment,
            )
        )
        topology.start()
        stack.callback(topology.stop)
        if profile.stores > 1:
            topology.manage("shell", "--no-imports", "-c", code_that_adds_stores(profile))
        if profile.proven:
            topology.manage("shell", "--no-imports", "-c", code_that_pairs_screens(profile))
        yield topology


@contextmanager
def compose_topology(folder: Path, profile: Profile, log: Path) -> Iterator[ComposeTopology]:
    """Start a compose stack with two replicas and the stores of the profile, and remove it at the end.

    log: the file for the output of all containers and of docker compose.
    """
    with contextlib.ExitStack() as stack:
        lines = stack.enter_context(log.open("w", buffering=1))
        remove_leftovers()
        disk = folder / "disk"
        stack.enter_context(small_disk(disk, COMPOSE_MEGABYTES))
        topology = ComposeTopology(folder, disk, lines)
        stack.callback(topology.stop)
        topology.start()
        topology.manage("shell", "--no-imports", "-c", code_that_adds_stores(profile))
        yield topology


def code_that_adds_stores(profile: Profile) -> str:
    """Return Python code for the service web that adds the several stores of a profile, and a device in each store.

    The code computes the names, because a command line with the names of thousands of stores would be too long.
    """
    return (
        "from hashlib import sha256; from cashier_web.models import Device, Store\n"
        f"slugs = [f'load-{{number}}' for number in range(1, {profile.stores + 1})]\n"
        "stores = Store.objects.bulk_create([Store(slug=slug, name=slug) for slug in slugs])\n"
        f"hash_of = lambda slug: sha256(('{device_token('')}' + slug).encode()).hexdigest()\n"
        "devices = [Device(store=store, name='load', token_hash=hash_of(store.slug)) for store in stores]\n"
        "Device.objects.bulk_create(devices)"
    )


def code_that_pairs_screens(profile: Profile) -> str:
    """Return Python code for the service web that adds the paired screens of a profile.

    The name of each screen is its number in the load test. SCREEN_SECRETS says what its cookie is.
    """
    return (
        "from hashlib import sha256; from cashier_web.models import Screen, Store\n"
        f"slugs, secrets = {profile.slugs()!r}, {SCREEN_SECRETS!r}\n"
        "stores = {store.slug: store for store in Store.objects.all()}\n"
        "hash_of = lambda number: sha256(secrets.format(number).encode()).hexdigest()\n"
        f"numbers = range({profile.screens})\n"
        "store_of = lambda number: stores[slugs[number % len(slugs)]]\n"
        "screens = [Screen(store=store_of(n), name=str(n), secret_hash=hash_of(n)) for n in numbers]\n"
        "Screen.objects.bulk_create(screens, batch_size=1000)"
    )
