"""The targets of cashier_q in the benchmark.

Most targets are ratios: a value of cashier_q is divided by the value of a peer, or the other way round. Both values
were measured in the same benchmark.
"""

from dataclasses import dataclass

from loadtests.bench.samples import Results, Setting, Summary

OURS, NCHAN, DAPHNE, DEMO = "cashier_q", "Nchan", "plain, daphne", "demo"
REPLICAS = {NCHAN: 0, DEMO: 1}
"""The number of replicas of the systems. A system that is not listed here has two replicas."""


@dataclass(frozen=True, slots=True)
class Target:
    """One target of cashier_q in the benchmark.

    measured: the measured value. It is None if a value that the target needs was not measured. The target then counts
    as not met.
    """

    what: str
    limit: str
    measured: float | None
    met: bool


def at_most(what: str, limit: float, unit: str, value: float | None) -> Target:
    return Target(what, f"at most {limit:g}{unit}", value, value is not None and value <= limit)


def at_least(what: str, limit: float, unit: str, value: float | None) -> Target:
    return Target(what, f"at least {limit:g}{unit}", value, value is not None and value >= limit)


def ratio(upper: float | None, lower: float | None) -> float | None:
    return upper / lower if upper is not None and lower else None


def evaluate(results: Results, rounds: int) -> list[Target]:
    """Return all targets with their measured values.

    A value counts as not measured if it is missing in one of the rounds.
    """

    def summary_of(system: str, measure: str, screens: int, stores: int) -> Summary | None:
        return results.get((measure, Setting(system, stores, screens, REPLICAS.get(system, 2))))

    def median_of(system: str, measure: str, screens: int, stores: int = 1) -> float | None:
        summary = summary_of(system, measure, screens, stores)
        return summary.median if summary and summary.count >= rounds else None

    def worst_of(measure: str, screens: int, stores: int = 1, count: int = rounds) -> float | None:
        summary = summary_of(OURS, measure, screens, stores)
        return summary.high if summary and summary.count >= count else None

    p99, rate = "fan-out p99", "presses"
    targets = [
        at_most(
            f"fan-out p99 to {screens:,} screens, against Nchan",
            1.25,
            " times",
            ratio(median_of(OURS, p99, screens), median_of(NCHAN, p99, screens)),
        )
        for screens in (1000, 5000)
    ]
    faster = ratio(median_of(DEMO, p99, 1000), median_of(OURS, p99, 1000))
    targets.append(at_least("fan-out p99 to 1,000 screens, faster than the demo", 20, " times", faster))
    connects = ratio(median_of(OURS, "connects", 5000), median_of(DAPHNE, "connects", 5000))
    targets.append(at_least("connects, against stock Daphne", 2.5, " times", connects))
    targets.append(at_most("5,000 screens cut at once, all back", 15, " s", worst_of("cut to all back", 5000)))
    idle = worst_of("CPU per idle screen", 5000)
    targets.append(at_most("CPU time of an idle screen per second", 6, " µs", idle))
    memory = worst_of("replica memory per screen", 5000)
    targets.append(at_most("replica memory per idle screen", 20, " KiB", memory))
    # The limit for the growth of the memory is not zero, because the memory of the two replicas varies by some memory
    # pages. A leak of 100 bytes per connection would add 1,000 KiB.
    gained = worst_of("replica memory gained by 10,000 connects", 1000, count=1)
    targets.append(at_most("replica memory gained by 10,000 connects", 1000, " KiB", gained))
    for screens in (0, 1000):
        presses = ratio(median_of(OURS, rate, screens, 500), median_of(DAPHNE, rate, screens, 500))
        targets.append(at_least(f"presses with {screens:,} screens, against the naive view", 3, " times", presses))
        half = worst_of("press p99 at half rate", screens, 500)
        targets.append(at_most(f"press p99 at half the top rate, {screens:,} screens", 50, " ms", half))
    return targets
