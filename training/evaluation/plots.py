"""Panels of evaluations: accuracy slice by slice, and stated probabilities against what came true.

Turns figures of several answerers into lines; what is drawn of them is `pictures.py`'s. Used by the training report and
by `anaphora compare`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from training.evaluation.answers import Answers, rounded
from training.evaluation.metrics import ReliabilityBin, reliability
from training.evaluation.slices import NO_DISTANCE, Measure, Slice
from training.evaluation.tables import Table, interval, share
from training.pictures import COLOURS, MARKERS, Line, Panel


def slices_panel(title: str, across: str, series: Mapping[str, Sequence[Slice]], measure: Measure) -> Panel:
    """Accuracy by slice with its 95 % intervals, a line for each answerer; all have the same slices.

    Slices with few items are left out, and their places too at either end of the scale.
    """
    everyone = list(series.values())
    if not everyone:
        return Panel(title, measure, [])
    drawn = [any(slices[i].is_drawn(measure) for slices in everyone) for i in range(len(everyone[0]))]
    numbered = [i for i, s in enumerate(everyone[0]) if drawn[i] and s.label != NO_DISTANCE]
    kept = list(range(numbered[0], numbered[-1] + 1)) if numbered else []
    kept += [i for i, s in enumerate(everyone[0]) if drawn[i] and s.label == NO_DISTANCE]
    lines = []
    for number, (label, slices) in enumerate(series.items()):
        points = [(place, slices[i].figure(measure)) for place, i in enumerate(kept) if slices[i].is_drawn(measure)]
        if points:
            lines.append(
                Line(
                    label,
                    [float(place) for place, _ in points],
                    [figure for _, (figure, _) in points],
                    COLOURS[number % len(COLOURS)],
                    measured=True,
                    intervals=[bounds for _, (_, bounds) in points],
                    marker=MARKERS[number % len(MARKERS)],
                )
            )
    names = [everyone[0][i].label for i in kept]
    constant = ("constant answer", 0.5) if measure == "balanced accuracy" else ("chance", 0.5)
    apart = names[-1:] == [NO_DISTANCE]
    return Panel(title, measure, lines, constant, 0.45, across, names, last_apart=apart)


def slices_table(title: str, across: str, series: Mapping[str, Sequence[Slice]], measure: Measure) -> Table:
    """The same in numbers: a row a slice, for each answerer the figure and its interval."""
    everyone = list(series.values())
    header = (across, "items", *(cell for label in series for cell in (label, "95 % interval")))
    rows = []
    for here in zip(*everyone, strict=True):
        if here[0].n_items:
            cells = [cell for s in here for cell in (share(s.figure(measure)[0]), interval(s.figure(measure)[1]))]
            rows.append((here[0].label, f"{here[0].n_items:,}", *cells))
    return Table(title, header, tuple(rows))


def reliability_bins(answers: Answers) -> list[ReliabilityBin]:
    """Stated P(first form) against its share; nothing of those who state none."""
    return [] if answers.probabilities is None else reliability(answers.first_probabilities(), answers.right == 0)


def reliability_panel(title: str, form: str, series: Mapping[str, Sequence[ReliabilityBin]]) -> Panel:
    """Stated probability of `form` against its share, a line for each answerer."""
    lines = [
        Line(
            label,
            [b.stated for b in bins],
            [b.share for b in bins],
            COLOURS[number % len(COLOURS)],
            measured=True,
            marker=MARKERS[number % len(MARKERS)],
        )
        for number, (label, bins) in enumerate(series.items())
        if bins
    ]
    return Panel(title, f"share of {form}", lines, across=f"stated P({form})", diagonal="perfectly calibrated")


def reliability_json(bins: Sequence[ReliabilityBin]) -> list[dict[str, Any]]:
    """The bins as plain values."""
    return [{"n_items": b.n_items, "stated": rounded(b.stated), "share": rounded(b.share)} for b in bins]
