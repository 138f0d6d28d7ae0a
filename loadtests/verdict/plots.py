"""The plots of a run, as SVG text."""

import io
from collections.abc import Iterator, Sequence

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from loadtests.verdict.ledger import Account
from loadtests.verdict.run import Run

mpl.rcParams.update({"svg.fonttype": "none", "font.family": "sans-serif", "axes.grid": True, "grid.alpha": 0.3})
MOST_POINTS = 20_000
"""Points in one plot; beyond that, the largest of each group of neighbours stands for it."""


def of(run: Run, account: Account) -> Iterator[tuple[str, str]]:
    """Title and SVG of each plot."""
    yield "Cumulative: press to number, and how late the number goes", cumulative(account)
    yield "Over time: how late the number goes (red: something was killed or cut)", over_time(run, account)
    yield "Screens connected", connected(run)
    if run.samples:
        yield "CPU and memory of each process", resources(run)


def draw(figure: Figure) -> str:
    text = io.StringIO()
    figure.savefig(text, format="svg", bbox_inches="tight")
    return text.getvalue().partition("?>")[2].partition(">")[2]  # without the XML and document types


def curve(axes: Axes, values: Sequence[float], label: str) -> None:
    """Share of the values, in milliseconds, that are not above each of them."""
    ordered = sorted(value * 1000 for value in values)
    step = max(len(ordered) // MOST_POINTS, 1)
    shares = [(place + 1) / len(ordered) for place in range(len(ordered))]
    # The slowest are what one looks for: all of the last hundredth.
    kept = [place for place in range(len(ordered)) if place % step == 0 or shares[place] > 0.99]
    axes.step([ordered[place] for place in kept], [shares[place] for place in kept], where="post", label=label)


def cumulative(account: Account) -> str:
    figure = Figure(figsize=(11, 4))
    axes = figure.subplots()
    for name, timed in (("press to number", account.shown), ("reset lateness", account.reset)):
        if timed:
            curve(axes, [value for _, value in timed], name)
    axes.set_xlabel("milliseconds")
    axes.set_ylabel("share of all")
    axes.set_xscale("symlog", linthresh=1)
    axes.legend()
    return draw(figure)


def mark(axes: Axes, run: Run) -> None:
    for at, what in run.faults:
        axes.axvline(at - run.begin, color="red", alpha=0.6)
        axes.annotate(what, (at - run.begin, 1), xycoords=("data", "axes fraction"), fontsize=8, color="red")
    axes.set_xlabel("seconds since the first press")


def over_time(run: Run, account: Account) -> str:
    figure = Figure(figsize=(11, 4))
    axes = figure.subplots()
    worst: dict[int, float] = {}
    for at, late in account.reset:
        second = int(at - run.begin)
        worst[second] = max(worst.get(second, late), late)
    axes.plot(sorted(worst), [worst[second] * 1000 for second in sorted(worst)], ".", label="worst of each second")
    axes.set_ylabel("milliseconds late")
    axes.legend()
    mark(axes, run)
    return draw(figure)


def connected(run: Run) -> str:
    figure = Figure(figsize=(11, 3))
    axes = figure.subplots()
    changes = sorted(
        [(stay.opened, 1) for stay in run.records.stays] + [(stay.closed, -1) for stay in run.records.stays]
    )
    count, times, counts = 0, [], []
    for at, change in changes:
        count += change
        times.append(at - run.begin)
        counts.append(count)
    axes.step(times, counts, where="post")
    axes.set_ylim(bottom=0)
    mark(axes, run)
    return draw(figure)


def resources(run: Run) -> str:
    figure = Figure(figsize=(11, 7))
    upper, lower = figure.subplots(2, 1)
    for name, samples in run.samples.items():
        times = [at - run.begin for at, _, _ in samples]
        upper.plot(times, [busy for _, busy, _ in samples], label=name)
        lower.plot(times, [resident for _, _, resident in samples], label=name)
    upper.set_ylabel("percent of one core")
    lower.set_ylabel("MiB resident")
    for axes in (upper, lower):
        axes.set_ylim(bottom=0)
        axes.legend()
        mark(axes, run)
    return draw(figure)
