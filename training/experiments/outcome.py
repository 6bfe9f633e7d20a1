"""What an experiment is told and what it gives back: figures, tables, a picture and sentences, to print and to keep.

Knows what is shown and in which order; knows no network.
"""

from __future__ import annotations

import html
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.evaluation.tables import Table
from training.experiments.seed_statistics import SeedMean, difference
from training.page import figures, filled, table, tables
from training.pictures import COLOURS, MARKERS, Line, Panel, Picture, picture

REPORT_VERSION = 1
DEFAULT_SEEDS, QUICK_SEEDS = 5, 2
CELL_COLOURS = dict(zip(("lstm", "gru", "rnn", "mlp"), COLOURS, strict=False))
"""The same in every picture."""
CELL_MARKERS = dict(zip(CELL_COLOURS, MARKERS, strict=False))
NAMES = {"lstm": "LSTM", "gru": "GRU", "rnn": "plain RNN", "mlp": "no memory (MLP)"}
QUICK_NOTE = "This was a quick run: too few seeds and steps to conclude anything from it."


@dataclass(frozen=True)
class Settings:
    """What an experiment may be told; which options it takes is its own affair (`TAKES`)."""

    n_seeds: int = DEFAULT_SEEDS
    """Trainings of each network that the figures come from, 1 or more."""
    quick: bool = False
    """Seconds instead of minutes: whether it runs, not what comes out."""
    steps: int | None = None
    """Of each training; None: the experiment's own."""
    data: tuple[str, ...] = ()
    """Training texts, where it reads texts."""
    valid: tuple[str, ...] = ()
    """Validation texts."""
    keep: Path | None = None
    """Folder of results so far, where they are kept."""

    @property
    def seeds(self) -> tuple[int, ...]:
        """1, 2, ...; learning rates are tuned on seed 0."""
        return tuple(range(1, self.n_seeds + 1))


@dataclass(frozen=True)
class Outcome:
    """What came out."""

    results: Mapping[str, Any]
    """Every figure as plain values, no times: the same settings give the same."""
    tables: Sequence[Table]
    panels: Sequence[Panel]
    """Of the picture."""
    findings: Sequence[str]
    """What to make of it, a sentence each; says so where it contradicts the claim."""


@dataclass(frozen=True)
class Report:
    """An experiment's outcome and what it depends on."""

    name: str
    claim: str
    method: str
    settings: Settings
    context: Mapping[str, Any]
    """Data, commit and versions, for the JSON and the page."""
    outcome: Outcome
    elapsed_seconds: float

    @property
    def findings(self) -> list[str]:
        """The outcome's, and a word on a quick run."""
        return [*self.outcome.findings, *([QUICK_NOTE] if self.settings.quick else [])]

    def picture(self) -> Picture:
        """The outcome's panels, drawn."""
        drawn = picture(f"experiment-{self.name}", self.claim, self.outcome.panels)
        assert drawn is not None  # every experiment has a line to draw
        return drawn

    def to_json(self) -> str:
        """The same text for the same experiment: no times, no folders of this machine."""
        content = {
            "report_version": REPORT_VERSION,
            "experiment": self.name,
            "claim": self.claim,
            "options": {
                "seeds": self.settings.n_seeds,
                "quick": self.settings.quick,
                "steps": self.settings.steps,
            },
            **self.context,
            "results": finite(self.outcome.results),
            "findings": self.findings,
        }
        return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    def __str__(self) -> str:
        blocks = [f"experiment {self.name}: {self.claim}", *map(str, self.outcome.tables)]
        return "\n\n".join([*blocks, "\n".join(f"- {finding}" for finding in self.findings)]) + "\n"

    def page(self) -> str:
        """A page that needs nothing else and no internet, HTML."""
        depends = {"seeds": self.settings.n_seeds, "steps": self.settings.steps or "the experiment's own"}
        depends |= {"seconds it took": f"{self.elapsed_seconds:.0f}", "commit": self.context["commit"] or "unknown"}
        rows = [*depends.items(), *((f"version of {name}", value) for name, value in self.context["versions"].items())]
        for records in (self.context["data"], self.context["valid"]):
            rows += [(r["name"], f"{r['bytes']:,} bytes, SHA-256 {r['sha256']}") for r in records]
        return filled(
            "experiment.html",
            title=html.escape(f"{self.name}: experiment"),
            name=html.escape(self.name),
            claim=html.escape(self.claim),
            findings="".join(f"<li>{html.escape(finding)}</li>" for finding in self.findings),
            picture=figures([self.picture()]),
            tables=tables(self.outcome.tables),
            method=html.escape(self.method),
            making=table(Table("", ("what", "value"), tuple((name, str(value)) for name, value in rows))),
        )


def line(label: str, x: Sequence[float], means: Sequence[SeedMean], style: str, *, measured: bool = True) -> Line:
    """A line of means with their intervals, in the colour and with the marker of a cell; `style`: the cell."""
    known = [mean.interval for mean in means]
    drawn = [] if any(math.isnan(interval.low) for interval in known) else known
    values = [mean.mean for mean in means]
    return Line(label, x, values, CELL_COLOURS[style], measured=measured, intervals=drawn, marker=CELL_MARKERS[style])


def cells_of(mean: SeedMean, places: int = 3) -> tuple[str, str]:
    """A mean and its interval for a table."""
    low, high = mean.interval.low, mean.interval.high
    return f"{mean.mean:.{places}f}", "-" if math.isnan(low) else f"{low:.{places}f} to {high:.{places}f}"


def told(mean: SeedMean, places: int = 3) -> str:
    """The same for a sentence."""
    value, interval = cells_of(mean, places)
    return value if interval == "-" else f"{value} ({interval})"


def verdict(mean: SeedMean) -> str:
    """Whether a difference can be believed."""
    if math.isnan(mean.interval.low):
        return "one seed alone says nothing"
    return "more than seeds explain" if mean.is_apart_from_zero else "no more than seeds explain"


def finite(value: Any) -> Any:
    """The same with floats rounded to nine digits, and None for those that JSON has no word for."""
    if isinstance(value, float):
        return float(f"{value:.9g}") if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): finite(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [finite(entry) for entry in value]
    return value


def told_apart(by_cell: Mapping[str, SeedMean]) -> list[str]:
    """A sentence for every two of LSTM, GRU and RNN: the difference, paired by seed, and whether it is one."""
    sentences = []
    for first, second in (("lstm", "rnn"), ("gru", "rnn"), ("lstm", "gru")):
        apart = difference(by_cell[first].values, by_cell[second].values)
        sentences.append(f"There {NAMES[first]} minus {NAMES[second]}: {told(apart)}, {verdict(apart)}.")
    return sentences
