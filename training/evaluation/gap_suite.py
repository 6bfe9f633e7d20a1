"""GAP: its pronouns as a cloze, and its coreference protocol.

As a cloze the pronoun is blanked and its counterpart is the alternative; the protocol is in `coreference.py`, the files
in `gap.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from model.text import normalised
from training.errors import EvaluationError
from training.evaluation.coreference import GROUPS, coreference
from training.evaluation.gap import Snippet, read_gap
from training.evaluation.ngram import Trigram
from training.evaluation.question_set import cloze_questions
from training.evaluation.questions import answer_columns, question_at
from training.evaluation.results import JsonResults, titled
from training.evaluation.summary_tables import (
    as_float,
    count_cell,
    dropped_table,
    in_order,
    interval_cell,
    summary_table,
)
from training.evaluation.tables import Table, share
from training.mining import ClozeItem, Window
from training.pronouns import Pairs

ALL = "all"


def evaluate_gap(
    language_model: Any,
    data: Sequence[Path],
    pairs: Pairs,
    window: Window,
    trigram: Trigram | None,
    with_coreference: bool = True,
    limit: int | None = None,
    seed: int = 0,
) -> JsonResults:
    """Asks every text of the files, or the first `limit` of each. `with_coreference` False leaves the model's columns
    out of the protocol (no language model). `seed`: of the random baseline and the bootstrap.

    Raises EvaluationError for files of another format, naming file and line, and when no pronoun can be asked.
    """
    snippets = read_gap(data, limit)
    items: list[ClozeItem] = []
    dropped: Counter[str] = Counter()
    shown: Counter[str] = Counter({"whole": 0, "cut on the left": 0, "cut on the right": 0})
    for snippet in snippets:
        item = question_at(snippet.text, snippet.start, snippet.end, pairs, window, snippet.place)
        if isinstance(item, str):
            dropped[f"{snippet.pronoun.lower()}: {item}"] += 1
            continue
        items.append(item)
        shown.update(_cuts(snippet, item))
    if not items:
        raise EvaluationError(f"no pronoun of GAP could be asked ({dict(dropped)}).")
    columns, temperatures = answer_columns(language_model, items, pairs, trigram)
    groups = {ALL: np.ones(len(items), bool)}
    for pair in pairs.pairs:
        which = np.array([item.pair == pair for item in items])
        if which.any():
            groups[pair.name] = which
    reported = {
        group: {
            "n_of_form": _forms([item for item, wanted in zip(items, which, strict=True) if wanted], pairs),
            "columns": {name: answers.chosen(which).summary().to_json() for name, answers in columns.items()},
        }
        for group, which in groups.items()
    }
    content = {
        "n_read": len(snippets),
        "forms": list(pairs.default.forms),
        "cloze": {
            "groups": reported,
            "temperatures": temperatures,
            "dropped": dict(sorted(dropped.items())),
            "shown": dict(shown),
        },
        "coreference": coreference(
            language_model if with_coreference else None, snippets, pairs, window, trigram, seed
        ),
    }
    return JsonResults(content, gap_tables, [cloze_questions("GAP as a cloze", items, columns)])


def gap_tables(data: str, results: Mapping[str, Any]) -> list[Table]:
    """The cloze over all pronouns and by pair, then the protocol, then what was dropped."""
    tables = []
    cloze: Mapping[str, Any] = results.get("cloze") or {}
    groups: Mapping[str, Any] = cloze.get("groups") or {}
    if whole := groups.get(ALL):
        told = ", ".join(f"{count_cell(n)} {form}" for form, n in (whole.get("n_of_form") or {}).items())
        title = titled("GAP as a cloze, all pronouns", data) + (f": {told}" if told else "")
        tables.append(summary_table(title, whole.get("columns") or {}, ("masculine", "feminine")))
    rows = []
    for group, report in groups.items():
        if group != ALL:
            for name, figures in in_order(report.get("columns") or {}):
                row = (
                    f"{group}, {name}",
                    count_cell(figures.get("n_items")),
                    share(as_float(figures.get("balanced_accuracy"))),
                    interval_cell(figures.get("balanced_accuracy_interval")),
                    share(as_float(figures.get("first_accuracy"))),
                    share(as_float(figures.get("second_accuracy"))),
                )
                rows.append(row)
    if rows:
        header = ("pair and who answers", "items", "balanced accuracy", "95 % interval", "on masculine", "on feminine")
        tables.append(Table(titled("GAP as a cloze, by pair", data), header, tuple(rows)))
    tables += _coreference_tables(data, results.get("coreference") or {})
    return tables + dropped_table(titled("GAP, pronouns not asked", data), cloze.get("dropped") or {})


def _coreference_tables(data: str, report: Mapping[str, Any]) -> list[Table]:
    rows = []
    for name, figures in in_order(report.get("columns") or {}):
        overall = figures.get("overall") or {}
        choice = figures.get("choice") or {}
        rows.append(
            (
                name,
                *(share(as_float((figures.get(group) or {}).get("f1"))) for group in GROUPS),
                interval_cell(overall.get("f1_interval")),
                share(as_float(figures.get("bias"))),
                interval_cell(figures.get("bias_interval")),
                share(as_float(overall.get("precision"))),
                share(as_float(overall.get("recall"))),
                share(as_float(choice.get("accuracy"))),
                interval_cell(choice.get("accuracy_interval")),
                share(as_float(figures.get("tie_rate"))),
            )
        )
    if not rows:
        return []
    header = (
        "who answers",
        "F1",
        "masculine",
        "feminine",
        "95 % interval of F1",
        "bias",
        "95 % interval",
        "precision",
        "recall",
        "of two, one meant",
        "95 % interval",
        "ties",
    )
    n, neither = count_cell(report.get("n_items")), count_cell(report.get("n_neither"))
    title = titled("GAP's protocol, the candidates in the pronoun's place", data)
    return [Table(f"{title}: {n} texts, in {neither} of them neither is meant", header, tuple(rows))]


def _forms(items: Sequence[ClozeItem], pairs: Pairs) -> dict[str, int]:
    """How many items there are of each form, in the pairs' order."""
    counts = Counter(item.answer for item in items)
    return {form: counts[form] for form in pairs.forms if counts[form]}


def _cuts(snippet: Snippet, item: ClozeItem) -> list[str]:
    """Which ends of the text the window left out."""
    left, right = normalised(snippet.text[: snippet.start]), normalised(snippet.text[snippet.end :])
    cuts = []
    if len(item.left.strip()) < len(left):
        cuts.append("cut on the left")
    if len(item.right.strip()) < len(right):
        cuts.append("cut on the right")
    return cuts or ["whole"]
