"""The targets: what cashier_q must reach, mostly as ratios to a peer that was measured in the same run."""

from collections.abc import Mapping
from dataclasses import dataclass

from loadtests.bench.samples import Setting, Told

OURS, NCHAN, DAPHNE, DEMO = "cashier_q", "Nchan", "plain, daphne", "demo"
REPLICAS = {NCHAN: 0, DEMO: 1}
Results = Mapping[tuple[str, Setting], Told]


@dataclass(frozen=True, slots=True)
class Target:
    """measured: None where something it needs was not measured; then it is not met either."""

    what: str
    promised: str
    measured: float | None
    met: bool


def judge(results: Results, rounds: int) -> list[Target]:
    """Each target that this run can tell of, and those that it can't: what failed in a round was not measured."""

    def told_of(system: str, measure: str, screens: int, stores: int) -> Told | None:
        return results.get((measure, Setting(system, stores, screens, REPLICAS.get(system, 2))))

    def of(system: str, measure: str, screens: int, stores: int = 1) -> float | None:
        told = told_of(system, measure, screens, stores)
        return told.median if told and told.count >= rounds else None

    def worst(measure: str, screens: int, stores: int = 1, times: int = rounds) -> float | None:
        told = told_of(OURS, measure, screens, stores)
        return told.high if told and told.count >= times else None

    def ratio(upper: float | None, lower: float | None) -> float | None:
        return upper / lower if upper is not None and lower else None

    def at_most(what: str, limit: float, unit: str, value: float | None) -> Target:
        return Target(what, f"at most {limit:g}{unit}", value, value is not None and value <= limit)

    def at_least(what: str, limit: float, unit: str, value: float | None) -> Target:
        return Target(what, f"at least {limit:g}{unit}", value, value is not None and value >= limit)

    p99, rate = "fan-out p99", "presses"
    targets = [
        at_most(
            f"fan-out p99 to {screens:,} screens, against Nchan",
            1.25,
            " times",
            ratio(of(OURS, p99, screens), of(NCHAN, p99, screens)),
        )
        for screens in (1000, 5000)
    ]
    faster = ratio(of(DEMO, p99, 1000), of(OURS, p99, 1000))
    targets.append(at_least("fan-out p99 to 1,000 screens, faster than the demo", 20, " times", faster))
    connects = ratio(of(OURS, "connects", 5000), of(DAPHNE, "connects", 5000))
    targets.append(at_least("connects, against stock Daphne", 2.5, " times", connects))
    targets.append(at_most("5,000 screens cut at once, all back", 15, " s", worst("cut to all back", 5000)))
    memory = worst("replica memory per screen", 5000)
    targets.append(at_most("replica memory per idle screen", 20, " KiB", memory))
    gained = worst("replica memory gained by 10,000 connects", 1000, times=1)
    # Two processes' pages come and go by some; a leak of 100 bytes per connect would be 1,000 KiB.
    targets.append(at_most("replica memory gained by 10,000 connects", 1000, " KiB", gained))
    for screens in (0, 1000):
        presses = ratio(of(OURS, rate, screens, 500), of(DAPHNE, rate, screens, 500))
        targets.append(at_least(f"presses with {screens:,} screens, against the naive view", 3, " times", presses))
        p99_half = worst("press p99 at half rate", screens, 500)
        targets.append(at_most(f"press p99 at half the top rate, {screens:,} screens", 50, " ms", p99_half))
    return targets
