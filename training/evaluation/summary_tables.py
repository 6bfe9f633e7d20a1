"""The JSON of summaries as tables: a row for everybody who answered, this model first.

Read by the suites that print them and by `figures.py`, which shows the same on a bundle's card; figures that are
missing there become "-".
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from training.evaluation.metrics import Interval
from training.evaluation.tables import ABSENT, Table, interval, number, share

Figures = Mapping[str, Any]
COLUMN_NAMES = {
    "model_both": "this model, both sides",
    "model_left": "this model, left only",
    "model_partial": "this model, what follows",
    "model_full": "this model, candidate and what follows",
    "cloze_both": "this model, cloze, both sides",
    "cloze_left": "this model, cloze, left only",
    "one_prefix": "this model, one prefix",
    "sentence": "this model, whole sentence",
    "ngram_both": "n-gram, both sides",
    "ngram_left": "n-gram, left only",
    "ngram_partial": "n-gram, what follows",
    "ngram_full": "n-gram, candidate and what follows",
    "ngram_cloze_both": "n-gram, cloze, both sides",
    "ngram_cloze_left": "n-gram, cloze, left only",
    "ngram_one_prefix": "n-gram, one prefix",
    "ngram_sentence": "n-gram, whole sentence",
    "chance": "chance",
}
"""What answered, in the order in which tables show it; others follow."""
SUMMARY_HEADER = ("items", "balanced accuracy", "95 % interval", "accuracy", "log-loss", "calibration error", "ties")


def summary_table(title: str, columns: Figures, forms: Sequence[str] = ()) -> Table:
    """A row for each who answered: their summary, and the accuracies where the first and where the second form is
    right."""
    first, second = forms if len(forms) == 2 else ("the first form", "the second form")
    rows = [
        (
            name,
            *summary_cells(column),
            share(as_float(column.get("first_accuracy"))),
            share(as_float(column.get("second_accuracy"))),
        )
        for name, column in in_order(columns)
    ]
    return Table(title, ("who answers", *SUMMARY_HEADER, f"on {first}", f"on {second}"), tuple(rows))


def summary_cells(summary: Figures) -> tuple[str, ...]:
    """The cells under SUMMARY_HEADER."""
    return (
        counted(summary),
        share(as_float(summary.get("balanced_accuracy"))),
        interval_cell(summary.get("balanced_accuracy_interval")),
        share(as_float(summary.get("accuracy"))),
        number(as_float(summary.get("log_loss_nats"))),
        share(as_float(summary.get("calibration_error"))),
        share(as_float(summary.get("tie_rate"))),
    )


def in_order(columns: Mapping[str, Figures]) -> Iterable[tuple[str, Figures]]:
    """Name for a person and figures, this model first."""
    order = list(COLUMN_NAMES)
    ranked = sorted(columns, key=lambda name: order.index(name) if name in order else len(order))
    return [(COLUMN_NAMES.get(name, name.replace("_", " ")), columns[name]) for name in ranked]


def dropped_table(title: str, dropped: Mapping[str, int]) -> list[Table]:
    """How many items were dropped for which reason; no table where none was."""
    rows = tuple((reason, count_cell(n)) for reason, n in dropped.items())
    return [Table(title, ("dropped, because of", "items"), rows)] if rows else []


def counted(summary: Figures) -> str:
    """Number of items, and of each form's where it is known."""
    forms = summary.get("n_of_form") or {}
    parts = f" ({' + '.join(count_cell(n) for n in forms.values())})" if forms else ""
    return count_cell(summary.get("n_items")) + parts


def count_cell(value: object) -> str:
    """A whole number with its thousands apart."""
    return f"{value:,}" if isinstance(value, int) else ABSENT


def interval_cell(bounds: object) -> str:
    """The two bounds that JSON holds."""
    low, high = map(as_float, bounds) if isinstance(bounds, list) and len(bounds) == 2 else (math.nan, math.nan)
    return interval(Interval(low, high))


def signed_interval_cell(bounds: object) -> str:
    """The two bounds of what may be below 0."""
    if not isinstance(bounds, list) or len(bounds) != 2 or bounds[0] is None:
        return ABSENT
    return f"{bounds[0]:.3f} to {bounds[1]:.3f}"


def as_float(value: object) -> float:
    """A figure that JSON holds; NaN for what is missing."""
    return float(value) if isinstance(value, int | float) else math.nan
