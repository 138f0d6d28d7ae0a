"""Repeats a step that needs Redis, as long as the replica runs."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from redis.exceptions import RedisError

log = logging.getLogger(__name__)


async def repeat(seconds: float, step: Callable[[], Awaitable[None]], failure: str) -> None:
    """Wait, and do the step, again and again. If the step fails, this is logged, and the step is repeated later.

    seconds: the time between two steps. failure: the text of the warning if Redis does not answer. Only the first of
    several failures is logged.
    """
    has_failed, task = False, asyncio.current_task()
    # A library may turn the cancellation of this task into another exception.
    while not (task and task.cancelling()):
        await asyncio.sleep(seconds)
        try:
            await step()
            has_failed = False
        except (RedisError, OSError) as fault:
            if not has_failed:
                log.warning("%s: %s", failure, fault)
            has_failed = True
        except Exception:
            log.exception("fault: %s", failure)
