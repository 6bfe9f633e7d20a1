"""A bundle's figures as tables, for its card and its report: validation, and what evaluations have recorded.

Reads the `metrics` of bundle.json and tolerates figures that are missing there: they become "-". Knows neither Markdown
nor HTML.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from training.evaluation.gap_suite import gap_tables
from training.evaluation.masked_suite import masked_tables
from training.evaluation.summary_tables import (
    COLUMN_NAMES,
    SUMMARY_HEADER,
    Figures,
    as_float,
    count_cell,
    in_order,
    interval_cell,
    summary_cells,
    summary_table,
)
from training.evaluation.tables import Table, number, share
from training.evaluation.tracking_suite import tracking_tables
from training.evaluation.winobias_suite import winobias_tables
from training.evaluation.winogender_suite import winogender_tables

ALL = "all"
"""The subset of a cloze report that holds every item."""
CONTEXT_NAMES = {"left": "left only", "both": "both sides"}


def validation_tables(metrics: Figures) -> list[Table]:
    """How the network did on the held-out fragments at the end of training, beside a constant answer."""
    validation = metrics.get("validation") or {}
    pairs = validation.get("pairs") or {}
    rows = [
        (f"{pair}, {CONTEXT_NAMES.get(context, context)}", *summary_cells(summary), "0.500")
        for pair, contexts in pairs.items()
        for context, summary in contexts.items()
    ]
    tables = []
    if rows:
        header = ("pair and context", *SUMMARY_HEADER, "constant answer")
        tables.append(Table("Held-out fragments at the end of training", header, tuple(rows)))
    nats = {name: as_float(value) for name, value in (validation.get("nats_per_piece") or {}).items()}
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
        "masked": masked_tables,
        "winobias": winobias_tables,
        "winogender": winogender_tables,
        "gap": gap_tables,
        "tracking": tracking_tables,
    }
    return [
        table
        for suite, reports in metrics.items()
        if suite in makers
        for data, report in reports.items()
        for table in makers[suite](data, report.get("results") or {})
    ]


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
    told = ", ".join(f"{count_cell(n)} {form}" for form, n in counts.items())
    title = f"{pair} cloze on {data}" + (f": {told}" if told else "")
    return summary_table(title, subsets.get(ALL) or {}, list(counts))


def _further(data: str, rows: list[tuple[str, str, Figures]]) -> Table:
    answered = {name for _, _, columns in rows for name in columns}
    shown = [name for name in COLUMN_NAMES if name in answered and name != "chance"]
    cells = []
    for pair, subset, columns in rows:
        n_items = [column.get("n_items") for column in columns.values()]
        accuracies = [as_float((columns.get(name) or {}).get("balanced_accuracy")) for name in shown]
        cells.append((f"{pair}, {subset}", count_cell(n_items[0] if n_items else None), *map(share, accuracies)))
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
                count_cell(column.get("n_items")),
                share(as_float(column.get("accuracy"))),
                interval_cell(column.get("accuracy_interval")),
                share(as_float(column.get("tie_rate"))),
                *(share(as_float((column.get("balanced_accuracy") or {}).get(pair))) for pair in balanced),
            )
            for name, column in in_order(columns)
        ]
        preference = report.get("best_fixed_preference")
        title = f"Minimal pairs, {phenomenon}, of {data}" + (f" (fixed preference: {preference})" if preference else "")
        tables.append(Table(title, header, tuple(rows)))
    return tables


def _perplexity_tables(data: str, results: Figures) -> list[Table]:
    header = (
        "who answers",
        "perplexity per token",
        "per word",
        "bits per character",
        "tokens",
        "words",
        "characters",
        "unknown tokens",
    )
    answered = {"this model": results.get("total") or {}, "n-gram, on words and marks": results.get("ngram") or {}}
    rows = tuple(
        (
            name,
            *(number(as_float(of.get(key))) for key in ("perplexity", "perplexity_per_word", "bits_per_character")),
            *(count_cell(of.get(key)) for key in ("n_tokens", "n_words", "n_characters", "n_unknown")),
        )
        for name, of in answered.items()
        if of
    )
    return [Table(f"Language model, forward half, on {data}", header, rows)]


def duration(seconds: float) -> str:
    """A length of time for a person, e.g. "1 h 32 min", "4.5 min" or "12 s"."""
    hours, minutes = divmod(round(seconds / 60), 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.0f} s"
