"""A bundle's figures as tables, for its card and its report: validation, and what evaluations have recorded.

Reads the `metrics` of bundle.json and tolerates figures that are missing there: they become "-". Knows neither Markdown
nor HTML.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from training.evaluation.metrics import Interval
from training.evaluation.tables import ABSENT, Table, interval, number, share

Figures = Mapping[str, Any]
ALL = "all"
"""The subset of a cloze report that holds every item."""
CONTEXT_NAMES = {"left": "left only", "both": "both sides"}
COLUMN_NAMES = {
    "model_both": "this model, both sides",
    "model_left": "this model, left only",
    "cloze_both": "this model, cloze, both sides",
    "cloze_left": "this model, cloze, left only",
    "sentence": "this model, whole sentence",
    "ngram_both": "n-gram, both sides",
    "ngram_left": "n-gram, left only",
    "ngram_cloze_both": "n-gram, cloze, both sides",
    "ngram_cloze_left": "n-gram, cloze, left only",
    "ngram_sentence": "n-gram, whole sentence",
    "chance": "chance",
}
"""What answered, in the order in which tables show it; others follow."""


def validation_tables(metrics: Figures) -> list[Table]:
    """How the network did on the held-out fragments at the end of training, beside a constant answer."""
    validation = metrics.get("validation") or {}
    pairs = validation.get("pairs") or {}
    rows = [
        (f"{pair}, {CONTEXT_NAMES.get(context, context)}", *_summary_cells(summary), "0.500")
        for pair, contexts in pairs.items()
        for context, summary in contexts.items()
    ]
    tables = []
    if rows:
        header = ("pair and context", *SUMMARY_HEADER, "constant answer")
        tables.append(Table("Held-out fragments at the end of training", header, tuple(rows)))
    nats = {name: _float(value) for name, value in (validation.get("nats_per_piece") or {}).items()}
    if known := {name: value for name, value in nats.items() if not math.isnan(value)}:
        nats_rows = [
            (CONTEXT_NAMES.get(name, name), f"{value:.3f}", f"{math.exp(min(value, 700)):.1f}")
            for name, value in known.items()
        ]
        title = "Language model, held-out fragments"
        tables.append(Table(title, ("context", "nats per piece", "perplexity per piece"), tuple(nats_rows)))
    return tables


def evaluation_tables(metrics: Figures) -> list[Table]:
    """What `anaphora evaluate` found and somebody recorded, suite by suite and text by text."""
    makers: dict[str, Callable[[str, Figures], list[Table]]] = {
        "cloze": _cloze_tables,
        "pairs": _pairs_tables,
        "perplexity": _perplexity_tables,
    }
    return [
        table
        for suite, reports in metrics.items()
        if suite in makers
        for data, report in reports.items()
        for table in makers[suite](data, report.get("results") or {})
    ]


SUMMARY_HEADER = ("items", "balanced accuracy", "95 % interval", "accuracy", "log-loss", "calibration error", "ties")


def _summary_cells(summary: Figures) -> tuple[str, ...]:
    """The cells under SUMMARY_HEADER."""
    return (
        _counted(summary),
        share(_float(summary.get("balanced_accuracy"))),
        _interval(summary.get("balanced_accuracy_interval")),
        share(_float(summary.get("accuracy"))),
        number(_float(summary.get("log_loss_nats"))),
        share(_float(summary.get("calibration_error"))),
        share(_float(summary.get("tie_rate"))),
    )


def _cloze_tables(data: str, results: Figures) -> list[Table]:
    """The default pair with all its baselines, then one row for each further pair and subset."""
    pairs: Mapping[str, Figures] = results.get("pairs") or {}
    tables = [_headline(data, pair, subsets, _scored(pair, results)) for pair, subsets in list(pairs.items())[:1]]
    further = [
        (pair, subset, columns)
        for number_of_pair, (pair, subsets) in enumerate(pairs.items())
        for subset, columns in subsets.items()
        if (number_of_pair, subset) != (0, ALL)
    ]
    return tables + ([_further(data, further)] if further else [])


def _headline(data: str, pair: str, subsets: Figures, counts: Mapping[str, int]) -> Table:
    first, second = counts if len(counts) == 2 else ("the first form", "the second form")
    rows = [
        (
            name,
            *_summary_cells(column),
            share(_float(column.get("first_accuracy"))),
            share(_float(column.get("second_accuracy"))),
        )
        for name, column in _in_order(subsets.get(ALL) or {})
    ]
    told = ", ".join(f"{_count(n)} {form}" for form, n in counts.items())
    header = ("who answers", *SUMMARY_HEADER, f"on {first}", f"on {second}")
    return Table(f"{pair} cloze on {data}" + (f": {told}" if told else ""), header, tuple(rows))


def _further(data: str, rows: list[tuple[str, str, Figures]]) -> Table:
    answered = {name for _, _, columns in rows for name in columns}
    shown = [name for name in COLUMN_NAMES if name in answered and name != "chance"]
    cells = []
    for pair, subset, columns in rows:
        n_items = [column.get("n_items") for column in columns.values()]
        accuracies = [_float((columns.get(name) or {}).get("balanced_accuracy")) for name in shown]
        cells.append((f"{pair}, {subset}", _count(n_items[0] if n_items else None), *map(share, accuracies)))
    header = ("pair and items", "items", *(COLUMN_NAMES[name] for name in shown))
    title = f"Balanced accuracy of further pairs and subsets on {data} (a constant answer: 0.500)"
    return Table(title, header, tuple(cells))


def _scored(pair: str, results: Figures) -> Mapping[str, int]:
    """Items of each form of a pair."""
    counts: Figures = results.get("n_scored") or {}
    return counts.get(pair) or {}


def _pairs_tables(data: str, results: Figures) -> list[Table]:
    tables = []
    for phenomenon, report in results.items():
        columns = report.get("columns") or {}
        balanced = list(report.get("n_of_form") or {})
        of_pairs = (f"balanced, {pair} only" for pair in balanced)
        header = ("who answers", "items", "accuracy", "95 % interval", "ties", *of_pairs)
        rows = [
            (
                name,
                _count(column.get("n_items")),
                share(_float(column.get("accuracy"))),
                _interval(column.get("accuracy_interval")),
                share(_float(column.get("tie_rate"))),
                *(share(_float((column.get("balanced_accuracy") or {}).get(pair))) for pair in balanced),
            )
            for name, column in _in_order(columns)
        ]
        preference = report.get("best_fixed_preference")
        title = f"Minimal pairs, {phenomenon}, of {data}" + (f" (fixed preference: {preference})" if preference else "")
        tables.append(Table(title, header, tuple(rows)))
    return tables


def _perplexity_tables(data: str, results: Figures) -> list[Table]:
    total = results.get("total") or {}
    header = ("perplexity per token", "bits per character", "tokens", "characters", "unknown tokens")
    row = (
        number(_float(total.get("perplexity"))),
        number(_float(total.get("bits_per_character"))),
        *(_count(total.get(name)) for name in ("n_tokens", "n_characters", "n_unknown")),
    )
    return [Table(f"Language model, forward half, on {data}", header, (row,))]


def _in_order(columns: Mapping[str, Figures]) -> Iterable[tuple[str, Figures]]:
    """Name for a person and figures, this model first."""
    order = list(COLUMN_NAMES)
    ranked = sorted(columns, key=lambda name: order.index(name) if name in order else len(order))
    return [(COLUMN_NAMES.get(name, name.replace("_", " ")), columns[name]) for name in ranked]


def _float(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


def _counted(summary: Figures) -> str:
    """Number of items, and of each form's where it is known."""
    forms = summary.get("n_of_form") or {}
    return _count(summary.get("n_items")) + (f" ({' + '.join(_count(n) for n in forms.values())})" if forms else "")


def _count(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else ABSENT


def _interval(bounds: object) -> str:
    low, high = map(_float, bounds) if isinstance(bounds, list) and len(bounds) == 2 else (math.nan, math.nan)
    return interval(Interval(low, high))


def duration(seconds: float) -> str:
    """A length of time for a person, e.g. "1 h 32 min", "4.5 min" or "12 s"."""
    hours, minutes = divmod(round(seconds / 60), 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.0f} s"
