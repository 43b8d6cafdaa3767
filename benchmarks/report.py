"""What was measured, as Markdown and as a picture."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from xml.sax.saxutils import escape

from benchmarks.load import Sample

HEAD = """# Performance

Written by `make bench`; [benchmarks/](../benchmarks/README.md) says what is measured and how. Rounds: {rounds}, in
which all contenders took turns on one machine ({machine}); the figures are medians. Compare within a table only.

![Requests a second](performance.svg)
"""
COLUMNS = (
    "| | requests/s | of {first} | p50 ms | p99 ms | CPU ms a request | peak MiB |\n|---|---|---|---|---|---|---|\n"
)
COLOURS = ("#2a6f97", "#468faf", "#89c2d9", "#c1666b", "#d4a5a5", "#888888")
BAR, GAP, LEFT, WIDTH = 14, 26, 190, 760


@dataclass(frozen=True)
class Case:
    """What was asked: an operation over so many items by so many connections."""

    operation: str
    size: int
    connections: int

    @property
    def title(self) -> str:
        return f"{self.operation}, {self.size:,} items, {self.connections} at once"


Results = Mapping[Case, Mapping[str, Sequence[Sample]]]


def medians(samples: Sequence[Sample]) -> Sample:
    """Return the median of each figure, the highest of memory."""
    figures = {name: median(getattr(sample, name) for sample in samples) for name in ("rate", "p50", "p99", "cpu")}
    return Sample(**figures, memory=max(sample.memory for sample in samples))


def markdown(results: Results, transfers: Mapping[tuple[str, str], Sequence[float]], rounds: int, machine: str) -> str:
    """Return the page."""
    parts = [HEAD.format(rounds=rounds, machine=machine), _in_short(results)]
    for case, by_contender in results.items():
        first, *_ = by_contender
        best = medians(by_contender[first]).rate
        parts.append(f"## {case.title.capitalize()}\n\n" + COLUMNS.format(first=first))
        for name, samples in by_contender.items():
            row = medians(samples)
            share = row.rate / best if best else 0
            parts[-1] += (
                f"| {name} | {row.rate:,.0f} | {share:.2f} | {row.p50:.1f} | {row.p99:.1f} | {row.cpu:.2f} "
                f"| {row.memory:,.0f} |\n"
            )
    if transfers:
        parts.append("## Files\n\n| | | MiB/s (memory: MiB) |\n|---|---|---|\n")
        parts[-1] += "".join(
            f"| {name} | {what} | {median(found):,.0f} |\n" for (name, what), found in transfers.items()
        )
    return "\n".join(parts)


def _in_short(results: Results) -> str:
    """Return how the registry does beside others on the same engine, and how a list's cost grows with the registry."""
    text = "## In short\n\n| | engine | requests/s, times MLflow's | p99, of MLflow's |\n|---|---|---|---|\n"
    for case, by_contender in results.items():
        for engine in ("sqlite", "postgres"):
            pair = [by_contender.get(f"{who}-{engine}") for who in ("registry", "mlflow")]
            if pair[0] and pair[1]:
                ours, theirs = medians(pair[0]), medians(pair[1])
                times, share = (a / b if b else math.inf for a, b in ((ours.rate, theirs.rate), (ours.p99, theirs.p99)))
                text += f"| {case.title} | {engine} | {times:.1f} | {share:.2f} |\n"
    text += "\n| | | CPU with the most items, times that with the fewest |\n|---|---|---|\n"
    for name, small, large in _grown(results):
        text += f"| list | {name} | {large / small:.2f} |\n"
    return text


def _grown(results: Results) -> Iterator[tuple[str, float, float]]:
    """Give each contender whose lists were measured in several sizes, with the CPU of the smallest and the largest."""
    cases = sorted((case for case in results if case.operation == "list"), key=lambda case: case.size)
    alike = [case for case in cases if cases and case.connections == cases[0].connections]
    if alike and alike[0].size < alike[-1].size:
        for name in [name for name in results[alike[-1]] if name.startswith("registry") and name in results[alike[0]]]:
            yield name, *(medians(results[case][name]).cpu for case in (alike[0], alike[-1]))


def svg(results: Results) -> str:
    """Return bars of the requests a second, each case scaled to its own highest."""
    names = list(dict.fromkeys(name for by_contender in results.values() for name in by_contender))
    colours = {name: COLOURS[index % len(COLOURS)] for index, name in enumerate(names)}
    parts, top = [], 20
    for case, by_contender in results.items():
        rates = {name: medians(samples).rate for name, samples in by_contender.items()}
        parts.append(_text(8, top + 10, case.title, "bold"))
        top += 18
        for name, rate in rates.items():
            length = max(1.0, (WIDTH - LEFT - 90) * rate / (max(rates.values()) or 1))
            parts.append(_text(16, top + 11, name))
            parts.append(f'<rect x="{LEFT}" y="{top}" width="{length:.0f}" height="{BAR - 2}" fill="{colours[name]}"/>')
            parts.append(_text(LEFT + int(length) + 6, top + 11, f"{rate:,.0f}"))
            top += BAR
        top += GAP - BAR
    size = f'width="{WIDTH}" height="{top}" viewBox="0 0 {WIDTH} {top}"'
    style = 'font-family="sans-serif" font-size="11"'
    ground = '<rect width="100%" height="100%" fill="white"/>'
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>', ground, *parts, "</svg>", ""])


def _text(left: int, top: int, text: str, weight: str = "normal") -> str:
    return f'<text x="{left}" y="{top}" font-weight="{weight}">{escape(text)}</text>'
