"""Pronouns of a benchmark's sentences as cloze questions, asked pair by pair and answered in the sentences' order.

Where `cloze_suite.py` mines any text for the pronouns of each pair, a suite here knows which pronoun is meant, and its
questions are of several pairs. Knows texts and places in them; which they are, is each suite's part.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from model.blanks import AT_SENTENCE_START
from model.text import normalised
from training.evaluation import baselines
from training.evaluation.answers import Answers
from training.evaluation.cloze_suite import CONTEXTS, AnswersCloze, ask
from training.evaluation.ngram import Trigram
from training.mining import (
    BLANK,
    BLANK_IN_TEXT,
    LOOK_AHEAD_CHARACTERS,
    ClozeItem,
    Window,
    cut_left,
    cut_right,
    pair_of,
    whole_words,
)
from training.pronouns import Pairs, PronounPair

Temperatures = dict[str, dict[str, float]]
"""By pair and context: what the probabilities were made with."""


def question_at(
    text: str, start: int, end: int, pairs: Pairs, window: Window, place: str, pair: PronounPair | None = None
) -> ClozeItem | str:
    """The question at the pronoun text[start:end], or the reason why it cannot be asked.

    `pair`: which one it is where that is known; otherwise what follows has to tell, as it does in mining.
    `window.whole_document` shows the whole text.
    """
    if BLANK_IN_TEXT.search(text):
        return "a blank in the text"
    form = text[start:end]
    left, _, right = normalised(text[:start] + BLANK + text[end:]).partition(BLANK)
    if form.lower() not in pairs.gendered_forms:
        return "not in a gendered pair"
    pair = pair or pair_of(form.lower(), right[:LOOK_AHEAD_CHARACTERS], pairs)
    if pair is None:
        return "not told apart"
    if not window.whole_document:
        left, right = cut_left(left, window.left), cut_right(right, window.right)
    if form != form.lower() and AT_SENTENCE_START.match(left) is None:
        return "a capital within a sentence"
    pattern = whole_words(pairs.gendered_forms)
    others = bool(pattern.search(left) or pattern.search(right))
    return ClozeItem(pair, form.lower(), left, right, place, others)


def answer_columns(
    language_model: AnswersCloze, items: Sequence[ClozeItem], pairs: Pairs, trigram: Trigram | None
) -> tuple[dict[str, Answers], Temperatures]:
    """Everybody's answers to the items, in their order: the model's, the constant ones', a coin's, the n-gram's.

    Raises EvaluationError, naming an item, when the language model refuses one.
    """
    right = baselines.right_answers(items)
    members: dict[PronounPair, list[int]] = {}
    for index, item in enumerate(items):
        members.setdefault(item.pair, []).append(index)
    columns: dict[str, Answers] = {}
    temperatures: Temperatures = {pair.name: {} for pair in members}
    for context in CONTEXTS:
        margins, probabilities = np.zeros(len(items)), np.zeros(len(items))
        for pair, indices in members.items():
            answers, temperature = ask(language_model, [items[index] for index in indices], pair, context)
            temperatures[pair.name][context] = temperature
            assert answers.probabilities is not None
            margins[indices], probabilities[indices] = answers.margins, answers.probabilities
        columns[f"model_{context}"] = Answers(right, margins, probabilities)
    for answer, form in enumerate(pairs.default.forms):
        columns[f"always_{form}"] = baselines.constant(right, answer)
    columns["chance"] = baselines.chance(right)
    if trigram is not None:
        for context in CONTEXTS:
            columns[f"ngram_{context}"] = baselines.ngram_answers(trigram, items, context, as_filled=True)
    return columns, temperatures
