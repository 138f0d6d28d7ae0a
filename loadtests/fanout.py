"""Fan-out: one press to many screens of one store, through Nginx and two replicas; the last one counts.

Starts a topology of its own, on free ports and in a temporary folder. `make fanout SCREENS=1000`.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections import Counter
from pathlib import Path

import uvloop

from loadtests.rawscreen import RawScreen
from loadtests.screens import open_screens
from loadtests.till import Till
from local.topology import Topology

HOLD_SECONDS = 3.0
CANARY_SECONDS = 0.05


async def canary(lags: list[tuple[float, float]]) -> None:
    """Measures this client: when it woke, and how much later than asked. A client that lags measures itself."""
    while True:
        before = time.monotonic()
        await asyncio.sleep(CANARY_SECONDS)
        woke = time.monotonic()
        lags.append((woke, woke - before - CANARY_SECONDS))


def of_call(screen: RawScreen, seq: int) -> tuple[float, float]:
    """When this screen showed the call, and when it went back to waiting. Each exactly once."""
    shown = [paint.at for paint in screen.painted if paint.seq == seq and paint.num_cashier]
    reset = [paint.at for paint in screen.painted if paint.seq == seq and not paint.num_cashier]
    if len(shown) != 1 or len(reset) != 1:
        raise SystemExit(f"seq {seq}: a screen was painted {len(shown)} times and reset {len(reset)} times")
    return shown[0], reset[0]


async def measure(url: str, count: int, rounds: int) -> None:
    """Print one line per press: from just before the press is sent to the paint on the median and last screen."""
    async with Till(url) as till:
        started = time.monotonic()
        screens = await open_screens(url, await till.websocket(), count)
        print(f"{count} screens connected and painted in {time.monotonic() - started:.1f} s")
        lags: list[tuple[float, float]] = []
        paints: list[tuple[float, float]] = []
        watch = asyncio.create_task(canary(lags))
        lasts = []
        for number in range(1, rounds + 1):
            known = len(screens[0].painted)
            pressed = time.monotonic()
            answer = await till.press(number % 4 + 1)
            assert answer.status_code == 204, answer.text
            answered = time.monotonic()
            await asyncio.gather(*(screen.until(known + 2, HOLD_SECONDS + 5) for screen in screens))
            seq = screens[0].painted[-1].seq
            pairs = [of_call(screen, seq) for screen in screens]
            shown = sorted(at - pressed for at, _ in pairs)
            holds = [back - at for at, back in pairs]
            lasts.append(shown[-1])
            paints += [(pressed, pressed + shown[-1]), (min(b for _, b in pairs), max(b for _, b in pairs))]
            print(
                f"press {number}: answered {(answered - pressed) * 1000:5.1f} ms, shown p50 "
                f"{statistics.median(shown) * 1000:5.1f} ms, last screen {shown[-1] * 1000:5.1f} ms; "
                f"hold {min(holds):.3f} to {max(holds):.3f} s",
                flush=True,
            )
        watch.cancel()
        print(f"median of the last screens: {statistics.median(lasts) * 1000:.1f} ms over {rounds} presses")
        late = [lag for woke, lag in lags if any(start <= woke <= end + CANARY_SECONDS for start, end in paints)]
        print(f"while it was painted, the client itself woke up to {max(late, default=0) * 1000:.1f} ms late")
        for screen in screens:
            screen.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--screens", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    log: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="cashier_q-") as folder:
        environment = {**os.environ, "CASHIER_OPEN_BUTTONS": "true"}
        topology = Topology(Path(folder), lambda name, line: log.update([name]), environment=environment)
        topology.start()
        try:
            uvloop.run(measure(topology.url, options.screens, options.rounds))
        finally:
            topology.stop()


if __name__ == "__main__":
    main()
