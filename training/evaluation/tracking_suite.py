"""Tracking: stories whose right pronoun is known by construction, asked with the left context only and with both sides.

Every story has a twin, word for word the same but for the genders, so constant answers and whatever the words without a
gender suggest are right in exactly half. The stories are in `tracking_stories.py`, the rules of thumb beside the model
in `story_rules.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.errors import EvaluationError
from training.evaluation import baselines
from training.evaluation.answers import Answers, rounded
from training.evaluation.cloze_suite import AnswersCloze
from training.evaluation.metrics import accuracy, wilson_interval
from training.evaluation.ngram import Trigram
from training.evaluation.question_set import cloze_questions
from training.evaluation.questions import answer_columns
from training.evaluation.results import JsonResults, titled
from training.evaluation.story_rules import RULES, rule_answers
from training.evaluation.summary_tables import COLUMN_NAMES, as_float, count_cell, interval_cell
from training.evaluation.tables import Table, share
from training.evaluation.tracking_stories import (
    DEFAULT_STORIES,
    GRAMMAR,
    HEADLINES,
    KINDS,
    Question,
    levels,
    tracking_questions,
)
from training.pronouns import Pairs, PronounPair
from training.stories import grammar_sha256

DIMENSIONS = {
    "kind": "by kind of story",
    "distance": "by filler words, subject kept",
    "switches": "by changes of the subject, new subject",
    "distractor": "by the distractor's gender",
    "case": "by case of the pronoun",
    "called": "by how the person is called",
}
"""What the figures are broken down by, for a person."""
SHOWN = ("model_both", "model_left", "ngram_both", "ngram_left", *RULES)
"""Columns of the tables; constants and chance are 0.500 everywhere by construction."""
WITH_INTERVAL = ("model_both", "model_left")
CONTEXT_NAMES = {"model_both": "both sides", "model_left": "left only"}


def evaluate_tracking(
    language_model: AnswersCloze,
    pairs: Pairs,
    chosen: Sequence[PronounPair],
    trigram: Trigram | None,
    provenance: Mapping[str, Any],
    n_stories: int = DEFAULT_STORIES,
    seed: int = 0,
) -> JsonResults:
    """Asks `n_stories` stories of each sort; of them those whose pronoun is of the `chosen` pairs.

    Raises EvaluationError as `tracking_questions` does, and when the language model refuses a story.
    """
    questions = [q for q in tracking_questions(pairs, n_stories, seed) if q.item.pair in chosen]
    if not questions:
        asked, there = (", ".join(sorted({pair.name for pair in some})) for some in (chosen, pairs.pairs))
        raise EvaluationError(f"no story asks about {asked}; the stories are about he/she and its kin among {there}.")
    items = [question.item for question in questions]
    columns, temperatures = answer_columns(language_model, items, pairs, trigram)
    right = baselines.right_answers(items)
    stories = [question.story for question in questions]
    columns |= {name: rule_answers(rule, stories, right) for name, rule in RULES.items()}

    def figures(which: Sequence[bool], wanted: Sequence[str]) -> dict[str, Any]:
        mask = np.array(which, dtype=bool)
        return {
            "n_items": int(mask.sum()),
            "columns": {name: _figures(columns[name].chosen(mask)) for name in wanted if name in columns},
        }

    content = {
        "grammar_sha256": grammar_sha256(GRAMMAR),
        "stories_of_each_sort": n_stories,
        "story_share_in_training": _story_share(provenance),
        "headlines": {
            name: figures(which, SHOWN) for name in HEADLINES if any(which := [q.headline == name for q in questions])
        },
        "all": figures([True] * len(questions), list(columns)),
        "groups": {
            dimension: {
                level: figures([q.groups.get(dimension) == level for q in questions], SHOWN)
                for level in levels(questions, dimension)
            }
            for dimension in DIMENSIONS
        },
        "twins": {
            name: {way: _twin_figures(columns[way].chosen(which)) for way in WITH_INTERVAL}
            for name, which in [
                ("all", np.ones(len(questions), dtype=bool)),
                *((kind, np.array([q.sort.kind == kind for q in questions])) for kind in levels(questions, "kind")),
            ]
        },
        "temperatures": temperatures,
    }
    return JsonResults(content, tracking_tables, _question_sets(questions, columns), (_training_note(provenance),))


def tracking_tables(data: str, results: Mapping[str, Any]) -> list[Table]:
    """The headlines, the sum of everything, then a table for each dimension."""
    n = count_cell(results.get("stories_of_each_sort"))
    tables = [_table(titled(f"Tracking, {n} stories of each sort", data), results.get("headlines") or {})]
    whole = results.get("all") or {}
    rows = tuple(
        (
            _heading(name),
            share(as_float(column.get("accuracy"))),
            interval_cell(column.get("accuracy_interval")),
            share(as_float(column.get("masculine"))),
            share(as_float(column.get("feminine"))),
            share(as_float(column.get("tie_rate"))),
        )
        for name, column in (whole.get("columns") or {}).items()
    )
    header = ("who answers", "accuracy", "95 % interval", "on masculine", "on feminine", "ties")
    title = titled("Tracking, all stories", data)
    tables.append(Table(f"{title}: {count_cell(whole.get('n_items'))} items", header, rows))
    for dimension, told in DIMENSIONS.items():
        if groups := (results.get("groups") or {}).get(dimension):
            tables.append(_table(titled(f"Tracking {told}", data), groups))
    if twins := results.get("twins"):  # reports from before had none
        tables.append(_twin_table(titled("Tracking, stories beside their twins", data), twins))
    return tables


def _figures(answers: Answers) -> dict[str, Any]:
    """Accuracies, and the interval as if only one of each two twins had been asked: they are not independent."""
    summary = answers.summary()
    interval = wilson_interval(summary.accuracy, summary.n_items // 2)
    return {
        "accuracy": rounded(summary.accuracy),
        "accuracy_interval": [rounded(interval.low), rounded(interval.high)],
        "masculine": rounded(summary.first_accuracy),
        "feminine": rounded(summary.second_accuracy),
        "tie_rate": rounded(summary.tie_rate),
    }


def _twin_figures(answers: Answers) -> dict[str, Any]:
    """How two stories that differ in nothing but the genders are told apart, and what their common words lean to.

    From the log-odds of the masculine answer, nats: half of what the twins differ by is the *signal*, above 0 where
    they are told apart; half of their sum is the *lean*, above 0 to the masculine. A story is answered wrongly where
    the lean exceeds the signal.
    """
    margins = answers.margins.reshape(-1, 2)
    masculine = np.where(answers.right.reshape(-1, 2) == 0, margins, -margins)
    signals, leans = margins.mean(axis=1), masculine.mean(axis=1)
    told_apart = accuracy(signals)
    interval = wilson_interval(told_apart, len(signals))
    return {
        "n_pairs": len(signals),
        "told_apart": rounded(told_apart),
        "told_apart_interval": [rounded(interval.low), rounded(interval.high)],
        "signal_nats": rounded(float(signals.mean())),
        "lean_nats": rounded(float(leans.mean())),
        "lean_deviation_nats": rounded(float(leans.std())),
    }


def _twin_table(title: str, twins: Mapping[str, Any]) -> Table:
    header = ["", "pairs"]
    for way in WITH_INTERVAL:
        header += [f"told apart, {CONTEXT_NAMES[way]}", "95 % interval", "signal, nats", "lean", "its deviation"]
    rows = []
    for kind, ways in twins.items():
        cells = [kind, count_cell(ways[WITH_INTERVAL[0]]["n_pairs"])]
        for way in WITH_INTERVAL:
            figures = ways[way]
            cells += [share(figures["told_apart"]), interval_cell(figures["told_apart_interval"])]
            cells += [
                f"{figures['signal_nats']:.2f}",
                f"{figures['lean_nats']:+.2f}",
                f"{figures['lean_deviation_nats']:.2f}",
            ]
        rows.append(tuple(cells))
    return Table(title, tuple(header), tuple(rows))


def _table(title: str, groups: Mapping[str, Any]) -> Table:
    answered = [name for name in SHOWN if any(name in group.get("columns", {}) for group in groups.values())]
    header = ["", "items"]
    for name in answered:
        header += [_heading(name), "95 % interval"] if name in WITH_INTERVAL else [_heading(name)]
    rows = []
    for level, group in groups.items():
        cells = [level, count_cell(group.get("n_items"))]
        for name in answered:
            column = (group.get("columns") or {}).get(name) or {}
            cells.append(share(as_float(column.get("accuracy"))))
            if name in WITH_INTERVAL:
                cells.append(interval_cell(column.get("accuracy_interval")))
        rows.append(tuple(cells))
    return Table(title, tuple(header), tuple(rows))


def _heading(column: str) -> str:
    return COLUMN_NAMES.get(column, column.replace("_", " "))


def _question_sets(questions: Sequence[Question], columns: Mapping[str, Answers]) -> list[Any]:
    """One for each kind of story, for comparing bundles."""
    sets = []
    for kind in KINDS:
        which: NDArray[np.bool_] = np.array([question.sort.kind == kind for question in questions], dtype=bool)
        if which.any():
            items = [question.item for question in questions if question.sort.kind == kind]
            sets.append(cloze_questions(kind, items, {name: a.chosen(which) for name, a in columns.items()}))
    return sets


def _story_share(provenance: Mapping[str, Any]) -> float | None:
    """Share of the training's rows that were stories; None where the bundle does not say."""
    settings = provenance.get("settings")
    if not isinstance(settings, Mapping):
        return None
    return float(settings.get("story_share") or 0.0)  # older trainings had no such setting, and no stories


def _training_note(provenance: Mapping[str, Any]) -> str:
    story_share = _story_share(provenance)
    if story_share is None:
        return "the bundle does not say whether it was trained on stories"
    if story_share == 0:
        parent = provenance.get("parent")
        return "the bundle was not trained on stories" + (", unless the one that it went on from was" if parent else "")
    share_of_rows = f"{story_share:.0%} of its rows"
    return f"the bundle was trained on stories ({share_of_rows}): another grammar, other sentences, fillers and roles"
