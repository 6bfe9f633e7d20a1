"""The course of a training as pictures: losses, accuracies and speed against the tokens read, each an inline SVG.

Draws with matplotlib; the colour of text and axes is the page's own, so that a picture reads on light and dark ground.
Knows the rows of `Trainer.history`; knows no HTML page.
"""

from __future__ import annotations

import html
import io
import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

Row = Mapping[str, Any]
History = Sequence[Row]

MAX_POINTS = 600
"""A longer line is drawn through the means of as many stretches."""
INK = "#010203"
"""Stands for the page's text colour until the SVG is written."""
LEFT, BOTH, THIRD = "#d9822b", "#3f8fd2", "#3aa675"  # seen on white and on black, and apart by the colour-blind
STYLE: dict[str, Any] = {
    "svg.fonttype": "none",  # text stays text: small, and read aloud
    "font.family": "sans-serif",
    "font.size": 11,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#888888",
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "legend.fontsize": 10,
    "lines.linewidth": 1.6,
}


@dataclass(frozen=True)
class Line:
    """A quantity over the training."""

    label: str
    tokens: list[float]
    values: list[float]
    colour: str
    measured: bool = False
    """Measured now and then (drawn with dots), rather than logged all the time."""

    def told(self) -> str:
        """The line in words, for those who do not see it."""
        return f"{self.label}: {self.values[0]:.4g} at first, {self.values[-1]:.4g} at the end"


@dataclass(frozen=True)
class Panel:
    """One system of axes."""

    title: str
    unit: str
    lines: Sequence[Line]
    constant: tuple[str, float] | None = None
    """A level to compare with: what it is, and where."""
    least: float | None = None
    """Where the scale begins, unless a value lies below; it ends at 1 then. None: where the values do."""


@dataclass(frozen=True)
class Picture:
    """A drawn figure."""

    title: str
    description: str
    svg: str


def pictures(history: History, pair_names: Sequence[str]) -> list[Picture]:
    """What there is to draw; nothing of a quantity that has no value. `pair_names`: the default pair first."""
    first, others = pair_names[:1], pair_names[1:]
    groups = {
        "Which of two pronouns": [_accuracy(history, name) for name in first],
        "Cross-entropy": [_losses(history), _contrasts(history)],
        "The other pairs": [_accuracy(history, name) for name in others],
        "Speed and learning rate": [_speed(history), _learning_rate(history)],
    }
    found = []
    for number, (title, panels) in enumerate(groups.items()):
        drawn = [panel for panel in panels if panel.lines]
        if drawn:
            found.append(_picture(f"picture-{number}", title, drawn))
    return found


def line(history: History, name: str, label: str, colour: str, measured: bool = False) -> Line | None:
    """The line of one field of the history; None without a finite value."""
    points = [(row["tokens"], row[name]) for row in history if _is_finite(row.get(name))]
    if not points:
        return None
    tokens, values = zip(*_thinned(points), strict=True)
    return Line(label, list(tokens), list(values), colour, measured)


def speeds(history: History) -> list[tuple[float, float]]:
    """(tokens read, tokens a second since the row before) for the rows of training."""
    rows = [row for row in history if "learning_rate" in row]
    return [
        (after["tokens"], (after["tokens"] - before["tokens"]) / seconds)
        for before, after in itertools.pairwise(rows)
        if (seconds := after["elapsed_seconds"] - before["elapsed_seconds"]) > 0
    ]


def _accuracy(history: History, pair: str) -> Panel:
    lines = [
        line(history, f"valid_{pair}_left", "left context only", LEFT, measured=True),
        line(history, f"valid_{pair}_both", "both sides", BOTH, measured=True),
    ]
    return Panel(pair, "balanced accuracy, held-out", _drawable(lines), ("constant answer", 0.5), least=0.4)


def _losses(history: History) -> Panel:
    lines = [
        line(history, "train_left_nats", "training, left", LEFT),
        line(history, "train_both_nats", "training, both sides", BOTH),
        line(history, "valid_left_nats", "held-out, left", LEFT, measured=True),
        line(history, "valid_both_nats", "held-out, both sides", BOTH, measured=True),
    ]
    return Panel("Language model", "nats per piece", _drawable(lines))


def _contrasts(history: History) -> Panel:
    lines = [
        line(history, "train_contrast_left_nats", "training, left", LEFT),
        line(history, "train_contrast_both_nats", "training, both sides", BOTH),
    ]
    return Panel("Contrast at pronouns", "nats per pronoun", _drawable(lines), ("a coin", math.log(2)))


def _speed(history: History) -> Panel:
    points = speeds(history)
    if not points:
        return Panel("Speed", "tokens per second", [])
    tokens, values = zip(*_thinned(points), strict=True)
    return Panel("Speed", "tokens per second", [Line("tokens per second", list(tokens), list(values), THIRD)])


def _learning_rate(history: History) -> Panel:
    lines = [line(history, "learning_rate", "learning rate", THIRD)]
    return Panel("Learning rate", "learning rate", _drawable(lines))


def _drawable(lines: Sequence[Line | None]) -> list[Line]:
    return [line for line in lines if line is not None]


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most MAX_POINTS points, each the mean of a stretch."""
    size = math.ceil(len(points) / MAX_POINTS)
    stretches = [points[start : start + size] for start in range(0, len(points), size)]
    return [(sum(x for x, _ in part) / len(part), sum(y for _, y in part) / len(part)) for part in stretches]


def _picture(name: str, title: str, panels: Sequence[Panel]) -> Picture:
    description = "; ".join(f"{panel.title}, {line.told()}" for panel in panels for line in panel.lines) + "."
    columns = min(len(panels), 2)
    rows = math.ceil(len(panels) / columns)
    style: Any = STYLE | {"svg.hashsalt": name}  # matplotlib types every key by itself
    with mpl.rc_context(style):
        figure = Figure(figsize=(5.0 * columns if columns > 1 else 7.5, 3.2 * rows), layout="constrained")
        for number, panel in enumerate(panels):
            _draw(figure.add_subplot(rows, columns, number + 1), panel)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    return Picture(title, description, _inline(stream.getvalue(), name, title, description))


def _draw(axes: Axes, panel: Panel) -> None:
    axes.set_title(panel.title, loc="left", fontsize=12)
    for drawn in panel.lines:
        marker = "o" if drawn.measured or len(drawn.values) == 1 else None
        faint = any(line.measured for line in panel.lines) and not drawn.measured
        axes.plot(
            drawn.tokens,
            drawn.values,
            label=drawn.label,
            color=drawn.colour,
            marker=marker,
            markersize=3.5,
            alpha=0.5 if faint else 1.0,
            linewidth=1.0 if faint else 1.8,
        )
    if panel.constant is not None:
        label, level = panel.constant
        axes.axhline(level, color=INK, linestyle="--", linewidth=1.0, alpha=0.6, label=label)
    if panel.least is not None:
        lowest = min(value for drawn in panel.lines for value in drawn.values)
        axes.set_ylim(min(panel.least, lowest - 0.02), 1.0)
    axes.set_xlabel("tokens read")
    axes.set_ylabel(panel.unit)
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    if len(panel.lines) > 1 or panel.constant is not None:
        axes.legend()


def _inline(svg: str, name: str, title: str, description: str) -> str:
    """The SVG as part of a page: its own ids, the page's ink, a title and a description."""
    svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", svg)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    opening = (
        f'<svg role="img" aria-labelledby="{name}-title {name}-description"'
        + svg[len("<svg") : svg.index(">") + 1]
        + f'<title id="{name}-title">{html.escape(title)}</title>'
        + f'<desc id="{name}-description">{html.escape(description)}</desc>'
    )
    return opening + svg[svg.index(">") + 1 :]
