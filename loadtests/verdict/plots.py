"""Draws the plots of a run's report as SVG text."""

import io
from collections.abc import Iterator, Sequence

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from loadtests.verdict.ledger import Account
from loadtests.verdict.run import Run

mpl.rcParams.update({"svg.fonttype": "none", "font.family": "sans-serif", "axes.grid": True, "grid.alpha": 0.3})
MAX_POINTS = 20_000
"""If a curve has more points than this number, most of its points are left out at regular intervals.

All points of the slowest hundredth are kept."""


def all_plots(run: Run, account: Account) -> Iterator[tuple[str, str]]:
    """Yield the title and the SVG text of each plot."""
    yield "Cumulative: time from press to number, and how late the number was removed", cumulative(account)
    yield "Over time: how late numbers were removed (red: a fault was injected)", lateness_over_time(run, account)
    yield "Connected screens", connected_screens(run)
    if run.samples:
        yield "CPU and memory of each process", cpu_and_memory(run)


def to_svg(figure: Figure) -> str:
    """Return the figure as an <svg> element, which can be put into an HTML page.

    The XML declaration and the document type that matplotlib writes are removed.
    """
    text = io.StringIO()
    figure.savefig(text, format="svg", bbox_inches="tight")
    return text.getvalue().partition("?>")[2].partition(">")[2]


def add_cumulative_curve(axes: Axes, seconds: Sequence[float], label: str) -> None:
    """Draw a cumulative curve: for each value, the share of all values that are at most this large."""
    ordered = sorted(value * 1000 for value in seconds)
    step = max(len(ordered) // MAX_POINTS, 1)
    shares = [(index + 1) / len(ordered) for index in range(len(ordered))]
    kept = [index for index in range(len(ordered)) if index % step == 0 or shares[index] > 0.99]
    axes.step([ordered[index] for index in kept], [shares[index] for index in kept], where="post", label=label)


def cumulative(account: Account) -> str:
    figure = Figure(figsize=(11, 4))
    axes = figure.subplots()
    for label, timed in (("press to number", account.shown), ("reset lateness", account.reset)):
        if timed:
            add_cumulative_curve(axes, [seconds for _, seconds in timed], label)
    axes.set_xlabel("milliseconds")
    axes.set_ylabel("share of all numbers")
    axes.set_xscale("symlog", linthresh=1)
    axes.legend()
    return to_svg(figure)


def add_faults(axes: Axes, run: Run) -> None:
    """Draw a red line at the begin of each fault, shade the time until its end, and label the time axis."""
    for fault in run.faults:
        begin = fault.begin - run.begin
        axes.axvline(begin, color="red", alpha=0.6)
        axes.axvspan(begin, fault.end - run.begin, color="red", alpha=0.1)
        axes.annotate(fault.name, (begin, 1), xycoords=("data", "axes fraction"), fontsize=8, color="red", rotation=30)
    axes.set_xlabel("seconds since the first press")


def lateness_over_time(run: Run, account: Account) -> str:
    figure = Figure(figsize=(11, 4))
    axes = figure.subplots()
    worst: dict[int, float] = {}
    for at, late in account.reset:
        second = int(at - run.begin)
        worst[second] = max(worst.get(second, late), late)
    axes.plot(sorted(worst), [worst[second] * 1000 for second in sorted(worst)], ".", label="worst of each second")
    axes.set_ylabel("milliseconds late")
    axes.legend()
    add_faults(axes, run)
    return to_svg(figure)


def connected_screens(run: Run) -> str:
    figure = Figure(figsize=(11, 3))
    axes = figure.subplots()
    connections = run.records.connections
    changes = sorted([(each.opened, 1) for each in connections] + [(each.closed, -1) for each in connections])
    count, times, counts = 0, [], []
    for at, change in changes:
        count += change
        times.append(at - run.begin)
        counts.append(count)
    axes.step(times, counts, where="post")
    axes.set_ylim(bottom=0)
    add_faults(axes, run)
    return to_svg(figure)


def cpu_and_memory(run: Run) -> str:
    figure = Figure(figsize=(11, 7))
    upper, lower = figure.subplots(2, 1)
    for name, samples in run.samples.items():
        times = [at - run.begin for at, *_ in samples]
        upper.plot(times, [busy for _, busy, *_ in samples], label=name)
        lower.plot(times, [resident for _, _, resident, _ in samples], label=name)
    upper.set_ylabel("percent of one core")
    lower.set_ylabel("MiB resident")
    for axes in (upper, lower):
        axes.set_ylim(bottom=0)
        axes.legend()
        add_faults(axes, run)
    return to_svg(figure)
