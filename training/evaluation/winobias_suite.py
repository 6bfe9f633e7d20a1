"""WinoBias as a cloze. As written it measures stereotype: pro and anti sentences share their text once the pronoun is
blanked. With gendered persons in place of the occupations (type 2) the text determines the answer: that measures skill.

Reading and substitution are in `winobias.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.errors import EvaluationError
from training.evaluation import baselines, metrics
from training.evaluation.answers import Answers, rounded
from training.evaluation.bootstrap import bootstrap_interval
from training.evaluation.cloze_suite import AnswersCloze
from training.evaluation.metrics import Interval
from training.evaluation.ngram import Trigram
from training.evaluation.question_set import QuestionSet, cloze_questions
from training.evaluation.questions import answer_columns, question_at
from training.evaluation.results import JsonResults, titled
from training.evaluation.summary_tables import (
    as_float,
    count_cell,
    dropped_table,
    in_order,
    interval_cell,
    signed_interval_cell,
    summary_table,
)
from training.evaluation.tables import Table, share
from training.evaluation.winobias import Sentence, occupations_of, persons, read_winobias, substituted
from training.mining import ClozeItem, Window
from training.pronouns import Pairs, PronounPair

KINDS = ("pro", "anti")
WHOLE = Window(whole_document=True)
SKILL_TYPE = 2
Key = tuple[str, int, int]
SEVERAL = "several pronouns in brackets"
ANOTHER = "another gendered pronoun"


def evaluate_winobias(
    language_model: AnswersCloze,
    data: Sequence[Path],
    pairs: Pairs,
    trigram: Trigram | None,
    limit: int | None = None,
    seed: int = 0,
) -> JsonResults:
    """Asks every sentence of the files (of each the first `limit`); `seed`: of the bootstrap.

    Raises EvaluationError for files of another format, naming file and line, and where no sentence is left.
    """
    every = read_winobias(data, pairs.gendered_forms)
    occupations = occupations_of(every)
    counts: Counter[tuple[str, str, int]] = Counter()
    sentences = []
    for sentence in every:
        file = (sentence.part, sentence.kind, sentence.type)
        counts[file] += 1
        if limit is None or counts[file] <= limit:
            sentences.append(sentence)
    told = {(s.key, s.kind): s.of(s.pronouns[0]).lower() for s in every}
    questions: list[tuple[Sentence, ClozeItem]] = []
    dropped: Counter[str] = Counter()
    for sentence in sentences:
        item = _question(sentence, pairs, told)
        if isinstance(item, str):
            dropped[f"type {sentence.type} {sentence.kind}: {item}"] += 1
        else:
            questions.append((sentence, item))
    if not questions:
        raise EvaluationError(f"no sentence of WinoBias could be asked ({dict(dropped)}).")
    items = [item for _, item in questions]
    columns, temperatures = answer_columns(language_model, items, pairs, trigram)
    types = {}
    for number in sorted({sentence.type for sentence, _ in questions}):
        types[f"type {number}"] = _stereotype([s for s, _ in questions], items, columns, number, seed)
    content: dict[str, Any] = {
        "n_read": len(sentences),
        "forms": list(pairs.default.forms),
        "temperatures": temperatures,
        "dropped": dict(sorted(dropped.items())),
        "types": types,
    }
    asked = [(sentence, item) for sentence, item in questions if sentence.type == SKILL_TYPE]
    question_sets: list[QuestionSet] = []
    if asked:
        content["substituted"], question_sets = _skill(language_model, asked, occupations, pairs, trigram, seed)
    return JsonResults(content, winobias_tables, question_sets)


def winobias_tables(data: str, results: Mapping[str, Any]) -> list[Table]:
    """The gaps, then what is behind them, then the skill form, then what was dropped."""
    tables = []
    types: Mapping[str, Any] = results.get("types") or {}
    forms = results.get("forms") or ()
    rows = [
        (
            f"{name}, {answerer}",
            *(share(as_float(figures.get(key))) for key in ("pro", "anti", "gap")),
            signed_interval_cell(figures.get("gap_interval")),
            share(as_float(figures.get("he_rate"))),
            interval_cell(figures.get("he_rate_interval")),
            share(as_float(figures.get("tie_rate"))),
        )
        for name, report in types.items()
        for answerer, figures in in_order(report.get("gaps") or {})
    ]
    if rows:
        rate = f"{forms[0]}-rate" if forms else "rate of the first form"
        header = ("type and who answers", "pro", "anti", "gap", "95 % interval", rate, "95 % interval", "ties")
        title = "WinoBias as written, balanced accuracy: a gap of 0 is no stereotype, of 1 nothing else"
        tables.append(Table(titled(title, data), header, tuple(rows)))
    for name, report in types.items():
        for kind, columns in (report.get("columns") or {}).items():
            tables.append(summary_table(titled(f"WinoBias {name}, {kind}", data), columns, forms))
    skill: Mapping[str, Any] = results.get("substituted") or {}
    if skill:
        tables += _skill_tables(data, skill)
    tables += dropped_table(titled("WinoBias, sentences not asked", data), results.get("dropped") or {})
    return tables + dropped_table(
        titled("WinoBias with persons, sentences not asked", data), skill.get("dropped") or {}
    )


def _skill_tables(data: str, skill: Mapping[str, Any]) -> list[Table]:
    tables = []
    for kind, columns in (skill.get("columns") or {}).items():
        rows = [
            (
                name,
                count_cell(figures.get("n_items")),
                count_cell(figures.get("n_sentences")),
                share(as_float(figures.get("accuracy"))),
                interval_cell(figures.get("accuracy_interval")),
                share(as_float(figures.get("balanced_accuracy"))),
                share(as_float(figures.get("tie_rate"))),
            )
            for name, figures in in_order(columns)
        ]
        header = ("who answers", "items", "sentences", "accuracy", "95 % interval", "balanced accuracy", "ties")
        which = "pro and anti" if kind == "all" else kind
        tables.append(Table(titled(f"WinoBias type 2 with persons, {which}", data), header, tuple(rows)))
    return tables


def _question(sentence: Sentence, pairs: Pairs, told: Mapping[tuple[Key, str], str]) -> ClozeItem | str:
    """The cloze of a sentence as written. `told`: the pronoun of every line, from which the pair follows where the
    line of the other file has the counterpart."""
    if len(sentence.pronouns) > 1:
        return SEVERAL
    start, end = sentence.pronouns[0]
    other = told.get((sentence.key, "anti" if sentence.kind == "pro" else "pro"))
    item = question_at(
        sentence.text, start, end, pairs, WHOLE, sentence.place, _pair(sentence.of((start, end)), other, pairs)
    )
    if isinstance(item, ClozeItem) and item.other_gendered:
        return ANOTHER
    return item


def _pair(form: str, other: str | None, pairs: Pairs) -> PronounPair | None:
    matching = [pair for pair in pairs.pairs if {form.lower(), other} == set(pair.forms)]
    return matching[0] if matching else None


def _stereotype(
    sentences: Sequence[Sentence], items: Sequence[ClozeItem], columns: Mapping[str, Answers], number: int, seed: int
) -> dict[str, Any]:
    """One type's figures: each file's summaries, and of each who answered the gap and how often he."""
    of_type = np.array([sentence.type == number for sentence in sentences])
    is_pro = np.array([sentence.kind == "pro" for sentence in sentences])[of_type]
    clusters = [_place(sentence) for sentence in sentences if sentence.type == number]
    texts = [(item.text, item.pair.name) for item in items]
    chosen = [text for text, wanted in zip(texts, of_type, strict=True) if wanted]
    first = np.array([chosen.index(text) == index for index, text in enumerate(chosen)])
    gaps = {}
    for name, everything in columns.items():
        answers = everything.chosen(of_type)
        pro, anti = (metrics.balanced_accuracy(*_part(answers, is_pro == wanted)) for wanted in (True, False))
        he = _prefers_first(answers)[first]
        gaps[name] = {
            "n_pro": int(is_pro.sum()),
            "n_anti": int((~is_pro).sum()),
            "pro": rounded(pro),
            "anti": rounded(anti),
            "gap": rounded(pro - anti),
            "gap_interval": _bounds(bootstrap_interval(_gap(answers, is_pro), clusters, seed)),
            "n_texts": len(he),
            "he_rate": rounded(float(he.mean())),
            "he_rate_interval": _bounds(metrics.wilson_interval(float(he.mean()), len(he))),
            "tie_rate": rounded(metrics.tie_rate(answers.margins)),
        }
    kinds = {
        kind: {
            name: answers.chosen(of_type).chosen(is_pro == (kind == "pro")).summary().to_json()
            for name, answers in columns.items()
        }
        for kind in KINDS
        if (is_pro == (kind == "pro")).any()
    }
    return {"gaps": gaps, "columns": kinds}


def _gap(answers: Answers, is_pro: NDArray[np.bool_]) -> Any:
    def gap(indices: NDArray[np.int64]) -> float:
        drawn, pro = answers.chosen(indices), is_pro[indices]  # type: ignore[arg-type]
        return metrics.balanced_accuracy(*_part(drawn, pro)) - metrics.balanced_accuracy(*_part(drawn, ~pro))

    return gap


def _part(answers: Answers, which: NDArray[np.bool_]) -> tuple[metrics.Floats, NDArray[np.int64]]:
    return answers.margins[which], answers.right[which]


def _prefers_first(answers: Answers) -> metrics.Floats:
    """(n,) 1 where the pair's first form is preferred, 0.5 at a tie."""
    right = metrics.correctness(answers.margins)
    preferred: metrics.Floats = np.where(answers.right == 0, right, 1 - right)
    return preferred


def _skill(
    language_model: AnswersCloze,
    asked: Sequence[tuple[Sentence, ClozeItem]],
    occupations: frozenset[str],
    pairs: Pairs,
    trigram: Trigram | None,
    seed: int,
) -> tuple[dict[str, Any], list[QuestionSet]]:
    """Type 2 with every pair of persons, the referent of the right pronoun's gender and the other of the other's."""
    items: list[ClozeItem] = []
    owners: list[Sentence] = []
    rules: list[tuple[bool, bool]] = []
    dropped: Counter[str] = Counter()
    for sentence, question in asked:
        gender = question.pair.forms.index(question.answer)
        for pair in persons():
            made = substituted(sentence, occupations, pair[gender], pair[1 - gender])
            if isinstance(made, str):
                dropped[f"{sentence.kind}: {made}"] += 1
                break
            item = question_at(made.text, *made.pronoun, pairs, WHOLE, sentence.place, question.pair)
            assert isinstance(item, ClozeItem)  # as written it could be asked, and persons are no pronouns
            items.append(item)
            owners.append(sentence)
            rules.append((made.referent_first, made.referent_nearest))
    content: dict[str, Any] = {"persons": [list(pair) for pair in persons()], "dropped": dict(sorted(dropped.items()))}
    if not items:
        return content | {"columns": {}}, []
    columns, _ = answer_columns(language_model, items, pairs, trigram)
    right = baselines.right_answers(items)
    for index, name in enumerate(("first person named", "nearest person")):
        margins = np.array([1.0 if rule[index] else -1.0 for rule in rules])
        columns[name] = Answers(right, margins, None)
    reported: dict[str, Any] = {}
    for kind in ("all", *KINDS):
        which = np.array([kind in ("all", owner.kind) for owner in owners])
        clusters = [_place(owner) for owner, wanted in zip(owners, which, strict=True) if wanted]
        if which.any():
            reported[kind] = {name: _accuracy(a.chosen(which), clusters, seed) for name, a in columns.items()}
    questions = cloze_questions("WinoBias type 2 with persons", items, columns)
    places = list(map(_place, owners))  # asked with every pair of persons, pro and anti
    return content | {"columns": reported}, [replace(questions, places=places)]


def _place(sentence: Sentence) -> str:
    return f"{sentence.part} sentence {sentence.number}"


def _accuracy(answers: Answers, clusters: Sequence[str], seed: int) -> dict[str, Any]:
    """The summary, its intervals from a bootstrap over sentences: a sentence is asked with every pair of persons."""

    def accuracy(indices: NDArray[np.int64]) -> float:
        return metrics.accuracy(answers.margins[indices])

    def balanced(indices: NDArray[np.int64]) -> float:
        return metrics.balanced_accuracy(answers.margins[indices], answers.right[indices])

    return answers.summary().to_json() | {
        "n_sentences": len(set(clusters)),
        "accuracy_interval": _bounds(bootstrap_interval(accuracy, clusters, seed)),
        "balanced_accuracy_interval": _bounds(bootstrap_interval(balanced, clusters, seed)),
    }


def _bounds(interval: Interval) -> list[float | None]:
    return [rounded(interval.low), rounded(interval.high)]
