"""The headline suite: pronouns of any text blanked, asked with the left context only and with both sides.

Asks the served path in batches. Knows items and answers; the baselines' columns come from `baselines.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

import numpy as np
from tqdm import tqdm

from model.errors import RequestError
from training.corpus import Document
from training.errors import EvaluationError
from training.evaluation import baselines
from training.evaluation.answers import Answers, Summary
from training.evaluation.ngram import Trigram
from training.evaluation.question_set import QuestionSet, cloze_questions
from training.evaluation.tables import Table, interval, number, share
from training.mining import ClozeItem, MiningReport, Window, mine
from training.pronouns import Pairs, PronounPair

CONTEXTS = ("left", "both")
BATCH_SIZE = 64
ALL, ALONE = "all", "no other gendered pronoun"


class AnswersCloze(Protocol):
    """What the suite asks of a language model."""

    def cloze_batch(self, texts: Sequence[str], targets: Any = None, *, context: str = "both") -> Sequence[Any]:
        """One result a text; `targets` are the same for all."""


@dataclass(frozen=True)
class ClozeResults:
    """The summaries by pair, subset of items, and column."""

    summaries: dict[str, dict[str, dict[str, Summary]]]
    mining: MiningReport
    n_scored: dict[str, dict[str, int]]
    """Items scored, by pair and form; fewer than mined where a limit was given."""
    temperatures: dict[str, dict[str, float]]
    """The calibrated temperature behind the probabilities, by pair and context."""
    question_sets: Sequence[QuestionSet]
    """The items themselves with everybody's answers: by pair, first all of them, then the subset. Not in the JSON."""

    def to_json(self) -> dict[str, Any]:
        """Everything, in a fixed order."""
        summaries = {
            pair: {
                subset: {column: summary.to_json() for column, summary in columns.items()}
                for subset, columns in subsets.items()
            }
            for pair, subsets in self.summaries.items()
        }
        return {
            "pairs": summaries,
            "n_scored": self.n_scored,
            "temperatures": self.temperatures,
            "mining": self.mining.to_json(),
        }

    def tables(self) -> list[Table]:
        """One table a pair and subset, the headline first."""
        return [
            _table(pair, subset, columns, self.n_scored[pair])
            for pair, subsets in self.summaries.items()
            for subset, columns in subsets.items()
        ]


def evaluate_cloze(
    language_model: AnswersCloze,
    documents: Iterable[Document],
    pairs: Pairs,
    chosen: Sequence[PronounPair],
    window: Window,
    trigram: Trigram | None,
    limit: int | None = None,
    seed: int = 0,
) -> ClozeResults:
    """Mines the documents and asks about every item of the `chosen` pairs, or about a seeded sample of `limit` a pair.

    Raises EvaluationError when nothing is mined, and, naming the item, when the language model refuses one.
    """
    report = MiningReport()
    items = sampled(mine(documents, pairs, window, report), chosen, limit, seed)
    if not any(items.values()):
        forms = ", ".join(form for pair in chosen for form in pair.forms)
        raise EvaluationError(
            f"no item of {', '.join(items)} in {report.n_documents} documents; expected a text with {forms} in it."
        )
    summaries: dict[str, dict[str, dict[str, Summary]]] = {}
    temperatures: dict[str, dict[str, float]] = {}
    question_sets = []
    for pair in chosen:
        asked = items[pair.name]
        if not asked:
            continue
        right = baselines.right_answers(asked)
        columns: dict[str, Answers] = {}
        temperatures[pair.name] = {}
        for context in CONTEXTS:
            columns[f"model_{context}"], temperatures[pair.name][context] = ask(language_model, asked, pair, context)
        for answer, form in enumerate(pair.forms):
            columns[f"always_{form}"] = baselines.constant(right, answer)
        columns["chance"] = baselines.chance(right)
        if trigram is not None:
            columns |= {f"ngram_{context}": baselines.ngram_answers(trigram, asked, context) for context in CONTEXTS}
        summaries[pair.name] = {ALL: {name: answers.summary() for name, answers in columns.items()}}
        question_sets.append(cloze_questions(pair.name, asked, columns))
        alone = np.array([not item.other_gendered for item in asked])
        if alone.any():
            columns = {name: answers.chosen(alone) for name, answers in columns.items()}
            summaries[pair.name][ALONE] = {name: answers.summary() for name, answers in columns.items()}
            chosen_items = [item for item in asked if not item.other_gendered]
            question_sets.append(cloze_questions(f"{pair.name}, {ALONE}", chosen_items, columns, tested=False))
    n_scored = {
        name: {form: sum(item.answer == form for item in asked) for form in asked[0].pair.forms}
        for name, asked in items.items()
        if asked
    }
    return ClozeResults(summaries, report, n_scored, temperatures, question_sets)


def ask(
    language_model: AnswersCloze, items: Sequence[ClozeItem], pair: PronounPair, context: str
) -> tuple[Answers, float]:
    """The language model's answers to items of one pair, in their order, and its temperature for the pair in the
    context."""
    margins, probabilities = np.zeros(len(items)), np.zeros(len(items))
    order = sorted(range(len(items)), key=lambda index: (len(items[index].text), index))  # little padding in a batch
    temperature = 1.0
    bar = tqdm(total=len(items), desc=f"{pair.name}, {context}", unit=" items", disable=None)
    with bar:
        for start in range(0, len(order), BATCH_SIZE):
            batch = order[start : start + BATCH_SIZE]
            for index, result in zip(
                batch, _asked(language_model, [items[i] for i in batch], pair, context), strict=True
            ):
                item = items[index]
                predictions = {prediction.target: prediction for prediction in result.blanks[0].predictions}
                right, wrong = predictions[item.answer], predictions[pair.other(item.answer)]
                margins[index] = right.log_probability - wrong.log_probability
                probabilities[index] = right.probability
                temperature = float(result.temperature)
            bar.update(len(batch))
    return Answers(baselines.right_answers(items), margins, probabilities), temperature


def _asked(language_model: AnswersCloze, items: Sequence[ClozeItem], pair: PronounPair, context: str) -> Sequence[Any]:
    try:
        return language_model.cloze_batch([item.text for item in items], list(pair.forms), context=context)
    except RequestError as error:
        raise EvaluationError(
            f"the language model refuses one of {len(items)} items from {items[0].place} to {items[-1].place}: {error}"
        ) from error


def sampled(
    items: Iterable[ClozeItem], chosen: Sequence[PronounPair], limit: int | None, seed: int
) -> dict[str, list[ClozeItem]]:
    """Items by pair; with a limit a uniform sample of that many of each (Vitter 1985, algorithm R), in reading
    order."""
    kept: dict[str, list[tuple[int, ClozeItem]]] = {pair.name: [] for pair in chosen}
    n_seen = dict.fromkeys(kept, 0)
    random = Random(seed)
    for item in items:
        name = item.pair.name
        if name not in kept:
            continue
        entry = (n_seen[name], item)
        n_seen[name] += 1
        if limit is None or len(kept[name]) < limit:
            kept[name].append(entry)
        elif (place := random.randrange(n_seen[name])) < limit:
            kept[name][place] = entry
    return {name: [item for _, item in sorted(entries, key=lambda entry: entry[0])] for name, entries in kept.items()}


def _table(pair: str, subset: str, columns: dict[str, Summary], n_scored: dict[str, int]) -> Table:
    summaries = list(columns.values())
    counts = f" ({', '.join(f'{n:,} {form}' for form, n in n_scored.items())})" if subset == ALL else ""
    title = f"{pair} cloze, {subset}: {summaries[0].n_items:,} items{counts}"
    first, second = n_scored
    rows = [
        ("balanced accuracy", *(share(s.balanced_accuracy) for s in summaries)),
        ("  95 % interval", *(interval(s.balanced_accuracy_interval) for s in summaries)),
        (f"  on {first}", *(share(s.first_accuracy) for s in summaries)),
        (f"  on {second}", *(share(s.second_accuracy) for s in summaries)),
        ("accuracy", *(share(s.accuracy) for s in summaries)),
        ("  95 % interval", *(interval(s.accuracy_interval) for s in summaries)),
        ("log-loss, nats", *(number(s.log_loss_nats) for s in summaries)),
        (f"calibration error of P({first})", *(share(s.calibration_error) for s in summaries)),
        ("tie rate", *(share(s.tie_rate) for s in summaries)),
    ]
    return Table(title, ("", *(_heading(name) for name in columns)), tuple(rows))


def _heading(column: str) -> str:
    named = {
        "model_left": "left only",
        "model_both": "both sides",
        "ngram_left": "n-gram left",
        "ngram_both": "n-gram both",
    }
    return named.get(column, column.replace("_", " "))
