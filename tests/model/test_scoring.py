"""How a filled text is scored: by hand on bigram networks, and by enumeration with the equations on random ones.

For every rule a wrong reading of it is worked out as well, and must give another number.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from math import log

import numpy as np
import pytest

from model.cloze import ClozeResult
from model.language_model import LanguageModel
from model.tokenizer import KINDS
from tests.model.reference import FLOAT32, Reference, bigram, language_model, loaded, softmax

BOTH_DIRECTIONS = ["causal", "bidirectional"]

TEXTS = [
    (["Mary packed her bag because ", " was leaving."], ["he", "she", "herself"]),
    (["Tom said that ", " was tired, and Mary"], ["he", "met", "walked", "Mary"]),
    (["", " was here."], ["he", "she", "his"]),
    (['"', ' was here," said Paul'], ["he", "her", "hat"]),
    (["Tom saw ", "self in the mirror."], ["him", "her", "it"]),
    (["She told him that ", ""], ["he", "she", "home"]),
    (["", ""], ["he", "She", "hat"]),
    (["so ", "."], ["he had", "her.", "she"]),
    (["Anna hurt ", "\nand he"], ["herself", "him"]),
    (["so ", " was"], ["a", "an", "she"]),
]


def scores_of(result: ClozeResult, blank: int = 0) -> dict[str, float]:
    return {one.target: one.log_probability for one in result.blanks[blank].predictions}


def probabilities_of(result: ClozeResult, blank: int = 0) -> dict[str, float]:
    return {one.target: one.probability for one in result.blanks[blank].predictions}


def filled_words(result: ClozeResult, targets: Sequence[str], blank: int = 0) -> list[str]:
    filled = {one.target: one.filled for one in result.blanks[blank].predictions}
    return [filled[target] for target in targets]


# ---------------------------------------------------------------------------------------------- by hand


def test_he_is_not_also_her_by_hand() -> None:
    """Characters: after `he` comes `r` in three cases of four, so three quarters of `he...` are `her`."""
    model = bigram(
        "character",
        {
            "▁": {"h": 0.5, "s": 0.5},
            "s": {"h": 1.0},
            "h": {"e": 1.0},
            "e": {"r": 0.75, "▁": 0.2, ".": 0.05},
            "r": {"▁": 1.0},
        },
    )
    scores = scores_of(model.cloze("so ___ was", ["he", "her", "she", "hers"], context="left"))
    assert scores["he"] == pytest.approx(log(0.5 * 1 * (0.2 + 0.05)), abs=FLOAT32)  # the end: a space or a full stop
    assert scores["her"] == pytest.approx(log(0.5 * 1 * 0.75 * 1), abs=FLOAT32)
    assert scores["she"] == pytest.approx(log(0.5 * 1 * 1 * 0.25), abs=FLOAT32)
    assert scores["hers"] < -30


def test_a_target_of_one_letter_counts_its_end_too_by_hand() -> None:
    model = bigram("character", {"▁": {"a": 0.5, "o": 0.5}, "a": {"n": 0.75, "▁": 0.25}, "n": {"▁": 1.0}})
    scores = scores_of(model.cloze("so ___ was", ["a", "an"], context="left"))
    assert scores["a"] == pytest.approx(log(0.5 * 0.25), abs=FLOAT32)
    assert scores["an"] == pytest.approx(log(0.5 * 0.75), abs=FLOAT32)


def test_a_target_of_several_pieces_counts_the_end_of_its_word_by_hand() -> None:
    """Subword: `met` is two pieces and might be the beginning of a longer word; `she` is one and whole."""
    model = bigram("subword", {"▁that": {"▁m": 0.4, "▁she": 0.6}, "▁m": {"et": 1.0}, "et": {"ed": 0.9, "▁was": 0.1}})
    scores = scores_of(model.cloze("that ___ was", ["met", "she", "meted"], context="left"))
    assert scores["met"] == pytest.approx(log(0.4 * 1 * 0.1), abs=FLOAT32)
    assert scores["she"] == pytest.approx(log(0.6), abs=FLOAT32)
    n_continuing = int(model.tokenizer.continues.sum())
    n_pieces = model.tokenizer.vocabulary_size
    assert scores["meted"] == pytest.approx(log(0.4 * 0.9 * (1 - n_continuing / n_pieces)), abs=1e-4)


def test_with_both_sides_a_causal_network_scores_target_and_all_that_follows_by_hand() -> None:
    """The end of the word is not counted: what follows is scored itself. </s> is not counted either."""
    model = bigram(
        "subword",
        {
            "▁that": {"▁m": 0.4, "▁she": 0.6},
            "▁m": {"et": 1.0},
            "et": {"▁was": 0.5, "▁sa": 0.5},
            "▁she": {"▁was": 0.25, "▁sa": 0.75},
            "▁was": {"▁tired": 0.125, "▁old": 0.875},
        },
    )
    result = model.cloze("that ___ was tired", ["met", "she"])
    after = 0.125
    expected = {"met": 0.4 * 1 * 0.5 * after, "she": 0.6 * 0.25 * after}
    for target, share in expected.items():
        assert scores_of(result)[target] == pytest.approx(log(share), abs=FLOAT32)
        assert probabilities_of(result)[target] == pytest.approx(share / sum(expected.values()), abs=1e-5)


def test_several_blanks_of_a_causal_network_are_exact_by_hand() -> None:
    model = bigram(
        "subword",
        {
            "▁that": {"▁he": 0.5, "▁she": 0.5},
            "▁he": {"▁was": 1.0},
            "▁she": {"▁was": 0.2, "▁to": 0.8},
            "▁was": {"▁his": 0.75, "▁her": 0.25},
            "▁his": {"▁old": 0.1, "▁book": 0.9},
            "▁her": {"▁old": 1.0},
        },
    )
    result = model.cloze("that ___ was ___ old", [["he", "she"], ["his", "her"]])
    shares = {
        ("he", "his"): 0.5 * 1.0 * 0.75 * 0.1,
        ("he", "her"): 0.5 * 1.0 * 0.25 * 1.0,
        ("she", "his"): 0.5 * 0.2 * 0.75 * 0.1,
        ("she", "her"): 0.5 * 0.2 * 0.25 * 1.0,
    }
    total = sum(shares.values())
    assert result.joint_kind == "exact"
    assert result.joint is not None
    assert {entry.filled: entry.probability for entry in result.joint} == pytest.approx(
        {words: share / total for words, share in shares.items()}, abs=1e-5
    )
    assert [entry.filled for entry in result.joint] == sorted(shares, key=lambda words: -shares[words])
    her = shares["he", "her"] + shares["she", "her"]
    assert probabilities_of(result, 1)["her"] == pytest.approx(her / total, abs=1e-5)
    assert scores_of(result, 1)["her"] == pytest.approx(log(her), abs=1e-4)


# ---------------------------------------------------------------------------------------------- by enumeration


@pytest.mark.parametrize("context", ["both", "left"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("direction", BOTH_DIRECTIONS)
def test_every_target_has_the_score_of_the_equations(direction: str, kind: str, context: str) -> None:
    model = language_model("lstm", direction, kind)
    reference = Reference(model)
    for parts, targets in TEXTS:
        result = model.cloze("___".join(parts), targets, context=context)
        words = filled_words(result, targets)
        expected = [reference.score(parts, [word], context) for word in words]
        for one in result.blanks[0].predictions:
            assert one.log_probability == pytest.approx(expected[targets.index(one.target)], abs=5 * FLOAT32, rel=1e-6)
            assert one.pieces == reference.pieces(parts, [one.filled])
        shares = dict(zip(targets, softmax(expected), strict=True))
        assert probabilities_of(result) == pytest.approx(shares, abs=1e-4)


@pytest.mark.parametrize("cell", ["mlp", "rnn", "gru"])
@pytest.mark.parametrize("direction", BOTH_DIRECTIONS)
def test_other_cells_are_scored_by_the_same_rules(direction: str, cell: str) -> None:
    model = language_model(cell, direction)
    reference = Reference(model)
    parts, targets = TEXTS[1]
    result = model.cloze("___".join(parts), targets)
    for target, score in scores_of(result).items():
        assert score == pytest.approx(reference.score(parts, [target]), abs=5 * FLOAT32)


@pytest.mark.parametrize("kind", ["subword", "character"])
def test_every_piece_of_a_target_sees_the_backward_state_from_after_the_whole_blank(kind: str) -> None:
    """Not from after the piece: the first piece of `met` may not see its second."""
    model = language_model("lstm", "bidirectional", kind)
    reference = Reference(model)
    parts = ["Tom said that ", " was tired."]
    ids, [(first, end)] = reference.read(parts, ["met"])
    right = ids[end:]
    pieces = [float(reference.log_probabilities(ids[:k], right)[ids[k]]) for k in range(first, end)]
    leaking = [float(reference.log_probabilities(ids[:k], ids[k + 1 :])[ids[k]]) for k in range(first, end)]
    ends = reference.word_ends(ids[:end], right)
    got = scores_of(model.cloze("___".join(parts), ["met"]))["met"]
    assert got == pytest.approx(sum(pieces) + ends, abs=FLOAT32)
    assert abs(sum(leaking) - sum(pieces)) > 0.01
    assert abs(ends) > 0.01, "the end of the word counts"


def test_a_bidirectional_score_does_not_contain_the_text_after_it() -> None:
    """It is conditioned on it: one factor for a target of one piece, however much follows."""
    model = language_model()
    reference = Reference(model)
    parts = ["Tom said that ", " was tired."]
    ids, [(first, end)] = reference.read(parts, ["she"])
    row = reference.log_probabilities(ids[:first], ids[end:])
    assert scores_of(model.cloze("___".join(parts), ["she"]))["she"] == pytest.approx(row[ids[first]], abs=FLOAT32)


@pytest.mark.parametrize("kind", KINDS)
def test_the_text_after_counts_with_both_sides_and_not_with_the_left_alone(kind: str) -> None:
    for direction in BOTH_DIRECTIONS:
        model = language_model("lstm", direction, kind)
        one, other = "Tom said that ___ was tired.", "Tom said that ___ lost her hat."
        targets = ["he", "she", "walked"]
        left = [scores_of(model.cloze(text, targets, context="left")) for text in (one, other)]
        assert left[0] == pytest.approx(left[1], abs=FLOAT32)
        log_odds = [(both := scores_of(model.cloze(text, targets)))["she"] - both["he"] for text in (one, other)]
        assert abs(log_odds[0] - log_odds[1]) > 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_left_of_a_bidirectional_network_is_its_forward_half(kind: str) -> None:
    """The same forward weights in a causal network give the same answer."""
    model = language_model("lstm", "bidirectional", kind)
    causal = causal_half(model, kind)
    for parts, targets in TEXTS:
        text = "___".join(parts)
        both = scores_of(model.cloze(text, targets, context="left"))
        assert both == pytest.approx(scores_of(causal.cloze(text, targets, context="left")), abs=FLOAT32)


def causal_half(model: LanguageModel, kind: str) -> LanguageModel:
    return loaded("lstm", "causal", kind, {n: w for n, w in model.bundle.weights.items() if "backward" not in n})


def test_a_target_that_ends_in_a_mark_needs_no_end_of_its_word() -> None:
    """Nothing can continue a word after a full stop, so that is certain."""
    model = language_model("lstm", "causal")
    reference = Reference(model)
    ids, [(first, end)] = reference.read(["so ", " was"], ["her."])
    pieces = sum(float(reference.log_probabilities(ids[:k])[ids[k]]) for k in range(first, end))
    got = scores_of(model.cloze("so ___ was", ["her."], context="left"))["her."]
    assert got == pytest.approx(pieces, abs=FLOAT32)


@pytest.mark.parametrize("kind", KINDS)
def test_where_nothing_follows_the_end_of_the_word_counts_with_both_sides_too(kind: str) -> None:
    model = language_model("lstm", "causal", kind)
    reference = Reference(model)
    ids, [(first, end)] = reference.read(["so ", ""], ["met"])
    assert end == len(ids) - 1
    pieces = sum(float(reference.log_probabilities(ids[:k])[ids[k]]) for k in range(first, end))
    ends = 0.0 if end - first == 1 and kind == "word" else reference.word_ends(ids[:end])
    assert scores_of(model.cloze("so ___", ["met"]))["met"] == pytest.approx(pieces + ends, abs=FLOAT32)


@pytest.mark.parametrize("kind", KINDS)
def test_several_blanks_of_a_causal_network_are_the_whole_texts_normalised(kind: str) -> None:
    """Every filling's log-likelihood as a whole text; a common beginning cancels."""
    model = language_model("lstm", "causal", kind)
    reference = Reference(model)
    parts = ["Tom lost ", " hat, so ", " went home"]
    lists = [["his", "her", "herself"], ["he", "she"]]
    result = model.cloze("___".join(parts), lists)
    fillings = list(itertools.product(*lists))

    def whole(words: Sequence[str]) -> float:
        ids, _ = reference.read(parts, words)
        return sum(float(reference.log_probabilities(ids[:k])[ids[k]]) for k in range(1, len(ids) - 1))

    shares = dict(zip(fillings, softmax([whole(words) for words in fillings]), strict=True))
    assert result.joint_kind == "exact"
    assert {entry.filled: entry.probability for entry in result.joint or ()} == pytest.approx(shares, abs=1e-4)
    for blank in range(2):
        for target, probability in probabilities_of(result, blank).items():
            marginal = sum(share for words, share in shares.items() if words[blank] == target)
            assert probability == pytest.approx(marginal, abs=1e-4)


@pytest.mark.parametrize("context", ["both", "left"])
@pytest.mark.parametrize("kind", KINDS)
def test_several_blanks_of_a_bidirectional_network_are_a_pseudo_likelihood(kind: str, context: str) -> None:
    """The sum over blanks of each word's score given the others, normalised over the product."""
    model = language_model("lstm", "bidirectional", kind)
    reference = Reference(model)
    parts = ["Tom lost ", " hat, so ", " went home"]
    lists = [["his", "her"], ["he", "she", "met"]]
    result = model.cloze("___".join(parts), lists, context=context)
    fillings = list(itertools.product(*lists))

    def summed(words: Sequence[str]) -> float:
        ids, spans = reference.read(parts, words)
        nats = 0.0
        for first, end in spans:
            right = ids[end:] if context == "both" else None  # with the other blank filled
            nats += sum(float(reference.log_probabilities(ids[:k], right)[ids[k]]) for k in range(first, end))
            if kind == "character" or end - first > 1:
                nats += reference.word_ends(ids[:end], right)
        return nats

    scores = dict(zip(fillings, [summed(words) for words in fillings], strict=True))
    shares = dict(zip(fillings, softmax(list(scores.values())), strict=True))
    assert result.joint_kind == "pseudo"
    assert {entry.filled: entry.probability for entry in result.joint or ()} == pytest.approx(shares, abs=1e-4)
    met = [score for words, score in scores.items() if words[1] == "met"]
    assert scores_of(result, 1)["met"] == pytest.approx(np.logaddexp.reduce(met), abs=5 * FLOAT32)


def test_left_of_a_causal_network_over_several_blanks_leaves_out_the_text_between() -> None:
    model = language_model("lstm", "causal")
    reference = Reference(model)
    parts = ["Tom lost ", " hat, so ", " went home"]
    result = model.cloze("___".join(parts), [["his", "her"], ["he", "she"]], context="left")
    fillings = list(itertools.product(["his", "her"], ["he", "she"]))
    shares = softmax([reference.score(parts, words, "left") for words in fillings])
    assert result.joint_kind == "pseudo"
    assert {entry.filled: entry.probability for entry in result.joint or ()} == pytest.approx(
        dict(zip(fillings, shares, strict=True)), abs=1e-4
    )


def test_one_blank_has_no_joint() -> None:
    result = language_model().cloze("Tom said ___.")
    assert (result.joint, result.joint_kind) == (None, None)
