"""Questions: the served log-odds, balance, halves, and what cannot be asked."""

from __future__ import annotations

import dataclasses
from collections import Counter

import numpy as np
import pytest

from model.language_model import LanguageModel
from tests.model.reference import language_model
from tests.tiny import tiny_documents
from tests.training.units.planted import TEXT
from training.errors import EvaluationError
from training.evaluation.tracking_stories import tracking_questions
from training.pronouns import Pairs, load_pairs
from training.units.ablation import Ablation
from training.units.questions import mined_questions, story_questions

FLOAT32 = 2e-5
"""Nats: sums of about 40 terms, each right to about 5e-7."""


@pytest.mark.parametrize(("direction", "context"), [("bidirectional", "both"), ("causal", "left")])
def test_log_odds_are_the_difference_of_the_served_scores(direction: str, context: str) -> None:
    model = language_model("gru", direction)
    pairs = load_pairs()
    asked = story_questions(model.bundle, pairs, 2, 0)
    items = [question.item for question in tracking_questions(pairs, 2, 0)]
    plain = Ablation(model.bundle, asked).plain
    assert len(plain) == len(items)
    for k in range(0, len(items), 5):
        found = model.cloze(items[k].text, list(items[k].pair.forms), context=context)
        scores = {one.target: one.log_probability for one in found.blanks[0].predictions}
        right, wrong = items[k].answer, items[k].pair.other(items[k].answer)
        assert plain[k] == pytest.approx(scores[right] - scores[wrong], abs=FLOAT32)


def test_of_a_character_network_the_letters_decide_that_differ_first() -> None:
    bundle = language_model("rnn", "causal", "character").bundle
    asked = story_questions(bundle, load_pairs(), 2, 0)
    pieces = bundle.tokenizer.pieces
    decided = {(pieces[a].lower(), pieces[b].lower()) for a, b in zip(asked.right_ids, asked.wrong_ids, strict=True)}
    assert decided <= {("h", "s"), ("s", "h"), ("i", "e"), ("e", "i")}


def test_mined_questions_are_half_of_each_gender_and_the_same_for_a_seed() -> None:
    bundle, pairs = language_model().bundle, load_pairs()

    def mined(n: int, seed: int) -> list[tuple[int, ...]]:
        asked = mined_questions(bundle, pairs, pairs.pairs[:1], tiny_documents([TEXT]), n, seed)
        assert Counter(asked.answers.tolist()) == {0: n // 2, 1: n // 2}
        return list(asked.lefts)

    assert mined(12, 1) == mined(12, 1)
    assert mined(12, 1) != mined(12, 2)


def test_halves_have_no_place_in_common() -> None:
    asked = story_questions(language_model().bundle, load_pairs(), 4, 0)
    first, second = asked.halves(0)
    assert not set(first.places) & set(second.places)
    assert len(first) + len(second) == len(asked)
    assert np.bincount(first.answers).tolist() == [len(first) // 2] * 2  # twins stay together


def test_a_bundle_of_another_language_has_no_stories() -> None:
    spanish = dataclasses.replace(load_pairs(), language="es")
    with pytest.raises(EvaluationError, match=r"there are stories in English alone.*language: es"):
        story_questions(language_model().bundle, spanish, 2, 0)


def test_pairs_without_the_stories_cases_are_refused_by_name() -> None:
    pairs = load_pairs()
    only = Pairs.from_json(pairs.to_json() | {"pairs": pairs.to_json()["pairs"][:1]}, "a test")
    with pytest.raises(EvaluationError, match=r"the bundle's pairs are he/she \(language: en\)"):
        story_questions(language_model().bundle, only, 2, 0)


def test_texts_without_one_of_the_two_forms_are_refused() -> None:
    bundle, pairs = language_model().bundle, load_pairs()
    for text in ("", "So he said that he was late, and he was tired."):
        with pytest.raises(EvaluationError, match="fewer than 2 of one of the two forms"):
            mined_questions(bundle, pairs, pairs.pairs[:1], tiny_documents([text]), 8, 0)


def test_a_bundle_that_knows_no_form_cannot_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    model: LanguageModel = language_model("rnn", "causal", "word")
    known = model.bundle.tokenizer
    ids = {
        number for number, piece in enumerate(known.pieces) if piece.strip("▁").lower() in load_pairs().gendered_forms
    }
    encode = type(known).encode_ids

    def forgetful(self: object, text: str) -> list[int]:
        return [known.unknown_id if piece in ids else piece for piece in encode(known, text)]

    whole = type(known).encode

    def forgetful_encode(self: object, text: str) -> object:
        found = whole(known, text)
        return dataclasses.replace(found, ids=[known.unknown_id if p in ids else p for p in found.ids])

    monkeypatch.setattr(type(known), "encode_ids", forgetful)
    monkeypatch.setattr(type(known), "encode", forgetful_encode)
    with pytest.raises(EvaluationError, match=r"knows both forms of a pair"):
        story_questions(model.bundle, load_pairs(), 2, 0)
