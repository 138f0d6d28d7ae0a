"""Redis keeps its data when it is killed, and each service may only do in Redis what it needs."""

import asyncio

import pytest

from loadtests.clients.till import Till
from tests.support.compose_load import opened
from tests.support.compose_stack import docker

pytestmark = pytest.mark.anyio
REDIS_OF = "from cashier_core import timeline\nr = timeline.connect(open('/run/secrets/redis_url').read().strip())\n"


def test_the_epoch_waiting_calls_and_the_history_survive_if_redis_is_killed(stack) -> None:
    """Six calls wait, and 1,000 entries of the history are not in the database yet."""
    press = (
        "from cashier_core.timeline import Timeline; from cashier_core.call import Policy\n"
        "t = Timeline(r)\n"
        "def press(store, till): t.press(store, till, 'en', idle_language='en', hold_ms=60000, policy=Policy.QUEUE)\n"
    )
    read = (
        "s = t.snapshot('survivor')\n"
        "print(s.version.epoch, *(c.till for c in s.calls), 'entries', r.xlen('cashier:history'))"
    )
    # While the key of the periodic task exists, no process moves the history to the database.
    fill = (
        REDIS_OF + press + "r.set('cashier:chore:record', 1, ex=60)\n"
        "for store in range(50):\n"
        "  for till in range(1, 21): press(f'filler-{store}', till)\n"
        "for till in range(1, 8): press('survivor', till)\n" + read
    )
    stack.manage(fill)
    # While the disk is busy, Redis writes changes up to two seconds late. The next command takes longer than that.
    before = stack.manage(REDIS_OF + press + read).split()[-10:]
    (redis,) = stack.containers("redis")
    docker("kill", "--signal", "KILL", redis)
    stack.compose("up", "--detach", "--no-deps", "--wait", "redis")

    assert stack.manage(REDIS_OF + press + read).split()[-10:] == before
    assert before[-9:-1] == ["1", "2", "3", "4", "5", "6", "7", "entries"]
    assert int(before[-1]) >= 1007
    stack.manage(REDIS_OF + "r.delete('cashier:chore:record')")


async def test_calls_are_shown_in_full_if_redis_is_killed_meanwhile(stack) -> None:
    async with Till(stack.url) as till, opened(stack.url, await till.websocket_path(), 2) as screens:
        for number in (1, 2, 3, 4):
            assert (await till.press(number)).status_code == 204
        # When the second call is shown, the presses are three seconds old. Redis has then written them to its file.
        await screens[0].until(3, 20)
        (redis,) = stack.containers("redis")
        await asyncio.to_thread(docker, "kill", "--signal", "KILL", redis)
        await asyncio.to_thread(stack.compose, "up", "--detach", "--no-deps", "--wait", "redis")
        for screen in screens:
            await screen.until(6, 30)
            assert [paint.till for paint in screen.painted] == [0, 1, 2, 3, 4, 0]


@pytest.mark.parametrize(
    ("service", "commands"),
    [
        (
            "web",
            [
                "flushall",
                "config get *",
                "acl list",
                "keys *",
                "shutdown",
                "set other 1",
                "subscribe cashier__group__screens",
            ],
        ),
        (
            "ws",
            [
                *("flushall", "config get *", "keys *", "get cashier:code:ABCDEF", "set cashier:{default}:store 1"),
                *(
                    "del cashier:history",
                    "sadd cashier:revoked 1",
                    "publish cashier__group__screens x",
                    "xlen cashier:history",
                    "xadd cashier:history * changes []",
                    "xrange cashier:proofs - +",
                    "del cashier:proofs",
                ),
            ],
        ),
    ],
)
def test_a_service_may_not_do_more_in_redis_than_it_needs(service, commands, stack) -> None:
    code = REDIS_OF + (
        "from redis.exceptions import NoPermissionError\n"
        f"for command in {commands!r}:\n"
        "  try: r.execute_command(*command.split())\n"
        "  except NoPermissionError: continue\n"
        "  print('allowed:', command)\n"
        "print('checked')\n"
    )
    output = docker("exec", stack.containers(service)[0], "python", "-c", code)

    assert output.split() == ["checked"]


def test_redis_refuses_to_grow_without_a_bound(stack) -> None:
    (redis,) = stack.containers("redis")
    arguments = stack.inspect(redis)["Args"]

    assert arguments[arguments.index("--maxmemory") + 1] == "512mb"
    assert arguments[arguments.index("--maxmemory-policy") + 1] == "noeviction"
    assert stack.inspect(redis)["HostConfig"]["Memory"] == 2 * 512 * 1024 * 1024
