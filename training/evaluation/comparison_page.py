"""A comparison of bundles as one page that needs nothing else and no internet.

Knows what is shown and in which order: scores, tests, plots, suite by suite, then what they depend on.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from training.evaluation.comparison import SLICINGS, WAYS, Compared, Comparison
from training.evaluation.plots import reliability_bins, reliability_panel, slices_panel
from training.evaluation.tables import Table
from training.page import figures, filled, table, tables
from training.pictures import Picture, picture

TITLES = {
    "somebody": "By distance to a name or noun",
    "any": "By distance to any gendered word",
    "frequency": "By frequency of the name",
}


@dataclass(frozen=True)
class ComparedSuite:
    """One suite of a comparison, and what is told of it."""

    suite: str
    comparison: Comparison | None
    """None for a suite without questions to pair: then the tables hold each bundle's own figures."""
    tables: Sequence[Table]
    notes: Sequence[str]
    context: Mapping[str, Any]
    """Data, n-gram and options, as an evaluation's JSON has them."""
    figures: Mapping[str, Any] = field(default_factory=dict)
    """Each bundle's own figures, where there is no comparison."""

    def __str__(self) -> str:
        blocks = [f"suite {self.suite}", *map(str, self.tables), "\n".join(f"- {note}" for note in self.notes)]
        return "\n\n".join(block for block in blocks if block)

    def to_json(self) -> dict[str, Any]:
        """Everything, in a fixed order."""
        compared = self.comparison.to_json() if self.comparison else None
        told = {"suite": self.suite, **self.context, "comparison": compared, "notes": list(self.notes)}
        return told | ({} if self.comparison else {"bundles": dict(self.figures)})


def comparison_page(bundles: Table, suites: Sequence[ComparedSuite], making: Mapping[str, str]) -> str:
    """The page, HTML. `making`: versions, seed and the like."""
    names = [row[0] for row in bundles.rows]
    rows = [
        *((f"{one.suite}: {name}", value) for one in suites for name, value in _depends(one.context)),
        *making.items(),
    ]
    return filled(
        "comparison.html",
        title=html.escape(" · ".join(names)),
        summary=html.escape(f"{len(names)} bundles on {', '.join(one.suite for one in suites)}"),
        bundles=table(bundles),
        suites="\n".join(_suite(one, number) for number, one in enumerate(suites)),
        making=table(Table("", ("what", "value"), tuple(rows))),
    )


def _suite(one: ComparedSuite, number: int) -> str:
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in one.notes)
    parts = [f"<h2>{html.escape(one.suite)}</h2>", tables(one.tables), f"<ul>{notes}</ul>" if notes else ""]
    if one.comparison is not None:
        parts.append(figures(suite_pictures(one.comparison, f"suite-{number}")))
    return "\n".join(part for part in parts if part)


def suite_pictures(comparison: Comparison, name: str) -> list[Picture | None]:
    """The plots of the first questions with two forms (the others are in the JSON). `name`: of their ids."""
    drawn = next((one for one in comparison.compared if one.slices), None)
    if drawn is None:
        return []
    pictures = [
        picture(f"{name}-{what}", f"{TITLES[what]}: {drawn.name}", _slice_panels(drawn, what, comparison.counts))
        for what in drawn.slices
    ]
    return [*pictures, picture(f"{name}-reliability", f"Reliability: {drawn.name}", _reliability_panels(drawn))]


def _slice_panels(drawn: Compared, what: str, counts: str) -> list[Any]:
    across = SLICINGS[what] if what != "frequency" else f"count of the name in {counts}"
    return [
        slices_panel(WAYS.get(way, way), across, sliced, drawn.measure) for way, sliced in drawn.slices[what].items()
    ]


def _reliability_panels(drawn: Compared) -> list[Any]:
    assert drawn.forms is not None  # only such questions are sliced
    return [
        reliability_panel(
            WAYS.get(way, way), drawn.forms[0], {name: reliability_bins(answers) for name, answers in answered.items()}
        )
        for way, answered in drawn.bundles.items()
    ]


def _depends(context: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The data, the n-gram and the options, one row each."""
    rows = [(record["name"], f"{record['bytes']:,} bytes, SHA-256 {record['sha256']}") for record in context["data"]]
    ngram = context.get("ngram")
    return [
        *rows,
        *([("n-gram", ngram["description"])] if ngram else []),
        *((str(k), str(v)) for k, v in context["options"].items()),
    ]
