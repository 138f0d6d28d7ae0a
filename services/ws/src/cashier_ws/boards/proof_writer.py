"""Adds the proofs of calls to their stream in Redis, about once a second."""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable
from itertools import islice

from redis.asyncio import Redis
from redis.exceptions import RedisError

from cashier_core.proof_stream import ReplicaProof, add_proofs
from cashier_ws import metrics
from cashier_ws.boards.proofs import Proofs
from cashier_ws.boards.repeat import repeat

WRITE_SECONDS = 1.0
MOST_WAITING_BYTES = 10_000_000
"""The memory for proofs that wait while Redis does not answer. Later proofs are lost."""
WRITTEN_AT_ONCE = 500
END_SECONDS = 1.0
"""When the replica ends, the seconds for which it waits until Redis has the last proofs."""

log = logging.getLogger(__name__)


class ProofWriter:
    """Closes the proofs that are due, and adds them to the stream. All methods run on the event loop."""

    def __init__(self, proofs: Proofs, redis: Redis, replica: str) -> None:
        """replica: a text that identifies this replica and its start."""
        self._proofs, self._redis, self._replica = proofs, redis, replica
        self._waiting: deque[str] = deque()
        """The closed proofs, as JSON, that are not in the stream yet."""
        self._waiting_bytes = 0
        self._task: asyncio.Task[None] | None = None
        self._is_losing = False
        """Whether proofs were lost since the last success. Only the first loss is logged."""
        metrics.OPEN_PROOFS.set_function(lambda: len(proofs) + len(self._waiting))

    def start(self) -> None:
        """Begin to write. Must be called once, on the event loop."""
        self._task = asyncio.create_task(
            repeat(WRITE_SECONDS, self.write_due, "the proofs of calls can't be written now")
        )

    async def end(self) -> None:
        """Close all proofs, and write them, because the replica ends."""
        if not self._task:
            return
        self._task.cancel()
        self._keep(self._proofs.close_all(self._replica))
        try:
            async with asyncio.timeout(END_SECONDS):
                await self._write()
        except (RedisError, OSError) as fault:  # OSError includes TimeoutError.
            self._lose(len(self._waiting), f"Redis does not answer: {fault}")

    async def write_due(self) -> None:
        """Close the proofs that are due, and write all closed proofs. If this fails, they are written later.

        Raises RedisError or OSError if Redis does not answer.
        """
        self._keep(self._proofs.close_due(asyncio.get_running_loop().time(), self._replica))
        await self._write()

    def _keep(self, proofs: Iterable[ReplicaProof]) -> None:
        for proof in proofs:
            text = proof.to_json()
            if self._waiting_bytes + len(text) > MOST_WAITING_BYTES:
                self._lose(1, "Redis does not answer")
            else:
                self._waiting.append(text)
                self._waiting_bytes += len(text)

    async def _write(self) -> None:
        """Write the proofs that wait. If the stream in Redis is full, they are lost."""
        while self._waiting:
            batch = list(islice(self._waiting, WRITTEN_AT_ONCE))
            if not await add_proofs(self._redis, batch):
                self._lose(len(batch), "their stream in Redis is full; does the service tasks run?")
            else:
                self._is_losing = False
            for text in batch:
                self._waiting.popleft()
                self._waiting_bytes -= len(text)

    def _lose(self, number: int, reason: str) -> None:
        """Count proofs that are lost, and log the first loss."""
        metrics.LOST_PROOFS.inc(number)
        if number and not self._is_losing:
            self._is_losing = True
            log.error("proofs of calls are lost: %s", reason)
