"""From scores to probabilities: top_k, temperature, order and ties; and no answer depends on its neighbours."""

from __future__ import annotations

from dataclasses import replace
from math import log

import numpy as np
import pytest

from model.cloze import ClozeRequest
from model.tokenizer import KINDS
from tests.model.reference import FLOAT32, Reference, language_model, loaded, softmax
from tests.tiny import tiny_config, tiny_weights

PROBABILITY = 1e-4
"""How far a probability may be off: 10 times what FLOAT32 does to a share."""


@pytest.mark.parametrize(
    ("direction", "context"), [("bidirectional", "both"), ("bidirectional", "left"), ("causal", "left")]
)
@pytest.mark.parametrize("kind", ["subword", "word"])
@pytest.mark.parametrize("parts", [["Tom said that ", " was tired."], ['Tom said "', '" so'], ["", " was"], ["", ""]])
def test_top_k_gives_the_best_whole_words_with_their_share_of_all_pieces(
    direction: str, context: str, kind: str, parts: list[str]
) -> None:
    model = language_model("lstm", direction, kind)
    reference = Reference(model)
    marked = parts[0] in ("Tom said that ", "")
    words = {int(piece) for piece in model.tokenizer.whole_words(marked)}
    ids, [(first, end)] = reference.read(parts, ["she"])
    row = reference.log_probabilities(ids[:first], ids[end:] if context == "both" else None)
    best = sorted(words, key=lambda piece: -row[piece])[:12]
    (blank,) = model.cloze("___".join(parts), top_k=12, context=context).blanks
    assert [one.pieces for one in blank.predictions] == [(model.tokenizer.pieces[piece],) for piece in best]
    for one, piece in zip(blank.predictions, best, strict=True):
        assert one.log_probability == pytest.approx(row[piece], abs=FLOAT32)
        assert one.probability == pytest.approx(np.exp(row[piece]), abs=PROBABILITY)
        assert one.target == one.filled == model.tokenizer.pieces[piece].removeprefix("▁")


@pytest.mark.parametrize("parts", [["Tom said ", " was"], ['"', '" said'], ["Tom said ", ""]])
@pytest.mark.parametrize("kind", ["subword", "word"])
def test_top_k_of_a_causal_network_with_both_sides_reads_the_text_after_every_piece(
    kind: str, parts: list[str]
) -> None:
    """Brute force: P(piece, text after | left) for every piece of the vocabulary, as shares of their sum."""
    model = language_model("lstm", "causal", kind)
    reference = Reference(model)
    ids, [(first, end)] = reference.read(parts, ["she"])
    left, after = ids[:first], ids[end:-1]
    scores = []
    for piece in range(model.tokenizer.vocabulary_size):
        row = [*left, piece, *after]
        scores.append(sum(float(reference.log_probabilities(row[:k])[row[k]]) for k in range(first, len(row))))
    shares = softmax(scores)
    words = model.tokenizer.whole_words(parts[0] != '"')
    best = sorted(map(int, words), key=lambda piece: -scores[piece])[:10]
    (blank,) = model.cloze("___".join(parts), top_k=10).blanks
    assert [one.pieces[0] for one in blank.predictions] == [model.tokenizer.pieces[piece] for piece in best]
    for one, piece in zip(blank.predictions, best, strict=True):
        assert one.probability == pytest.approx(shares[piece], abs=PROBABILITY)
        assert one.log_probability == pytest.approx(scores[piece], abs=5 * FLOAT32)


@pytest.mark.parametrize("direction", ["causal", "bidirectional"])
def test_top_k_has_no_unknown_control_or_inner_pieces_and_no_marks(direction: str) -> None:
    model = language_model("lstm", direction)
    for text in ("Tom said ___ was", 'Tom said "___" so'):
        (blank,) = model.cloze(text, top_k=1000, context="left").blanks
        got = {one.pieces[0] for one in blank.predictions}
        assert not got & {"<unk>", "<s>", "</s>", "<pad>", "\n", "▁", ".", '"', '▁"', "ing", "ed", "self"}
        assert ("▁she" in got, "she" in got) == ((True, False) if " ___" in text else (False, True))
        assert sum(one.probability for one in blank.predictions) < 1


def test_top_k_with_targets_keeps_the_best_of_them_and_their_probabilities() -> None:
    model = language_model()
    targets = ["he", "she", "Mary", "met", "hat"]
    (every,) = model.cloze("Tom said ___ was.", targets).blanks
    (best,) = model.cloze("Tom said ___ was.", targets, top_k=2).blanks
    assert best.predictions == every.predictions[:2]
    assert sum(one.probability for one in every.predictions) == pytest.approx(1)


@pytest.mark.parametrize("direction", ["causal", "bidirectional"])
@pytest.mark.parametrize(("context", "temperature"), [("both", 2.0), ("left", 0.5)])
@pytest.mark.parametrize("targets", [None, ["he", "she"], ["she", "he"], ["She", "HE"]])
def test_a_calibrated_pair_is_divided_by_its_temperature_in_either_order(
    direction: str, context: str, temperature: float, targets: list[str] | None
) -> None:
    model = language_model("lstm", direction, calibrated=True)
    result = model.cloze("Tom said that ___ was tired.", targets, context=context)
    plain = language_model("lstm", direction).cloze("Tom said that ___ was tired.", targets, context=context)
    assert (result.temperature, plain.temperature) == (temperature, 1.0)
    (blank,), (uncalibrated,) = result.blanks, plain.blanks
    assert [one.log_probability for one in blank.predictions] == [
        one.log_probability for one in uncalibrated.predictions
    ], "the score is given at temperature 1"
    shares = softmax([one.log_probability for one in blank.predictions], temperature)
    assert [one.probability for one in blank.predictions] == pytest.approx(list(shares), abs=1e-6)


def test_predictions_and_joint_come_most_probable_first() -> None:
    model = language_model()
    result = model.cloze("Tom said ___ saw ___.", [["he", "she", "Mary"], ["him", "her", "herself"]])
    assert result.joint is not None
    for values in (
        [one.probability for one in result.blanks[0].predictions],
        [one.probability for one in result.blanks[1].predictions],
        [entry.probability for entry in result.joint],
    ):
        assert values == sorted(values, reverse=True)
        assert sum(values) == pytest.approx(1)


@pytest.mark.parametrize("targets", [["he", "she", "Mary"], ["she", "he", "Mary"]])
def test_a_tie_is_an_exact_half_and_stays_in_the_order_asked(targets: list[str]) -> None:
    """Two pieces with one and the same vector cannot be told apart."""
    weights = tiny_weights(tiny_config())
    pieces = language_model().tokenizer.pieces
    for name in ("embedding", "output.bias"):
        weights[name] = weights[name].copy()
        weights[name][pieces.index("▁she")] = weights[name][pieces.index("▁he")]
    model = loaded("lstm", "bidirectional", "subword", weights)
    (pair,) = model.cloze("Tom said ___ was.", targets[:2]).blanks
    assert [(one.target, one.probability) for one in pair.predictions] == [(targets[0], 0.5), (targets[1], 0.5)]
    (blank,) = model.cloze("Tom said ___ was.", targets).blanks
    assert [one.target for one in blank.predictions if one.target != "Mary"] == targets[:2]


def test_improbable_targets_are_still_in_the_order_of_their_scores() -> None:
    """Where all probabilities but one round to 0."""
    weights = tiny_weights(tiny_config())
    weights["output.bias"] = weights["output.bias"].copy()
    pieces = language_model().tokenizer.pieces
    for word, bias in {"▁he": 5000.0, "▁she": -2000.0, "▁Mary": -1000.0}.items():
        weights["output.bias"][pieces.index(word)] = bias
    model = loaded("lstm", "bidirectional", "subword", weights)
    (blank,) = model.cloze("Tom said ___ was.", ["she", "Mary", "he"]).blanks
    assert [(one.target, one.probability) for one in blank.predictions] == [("he", 1.0), ("Mary", 0.0), ("she", 0.0)]


@pytest.mark.parametrize("direction", ["causal", "bidirectional"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_answers_as_each_text_by_itself(direction: str, kind: str) -> None:
    model = language_model("gru", direction, kind)
    requests = [
        ClozeRequest("Tom said that ___ was tired."),
        ClozeRequest("Tom said that ___ was tired.", context="left"),
        ClozeRequest("___ saw ___ in the mirror.", (("he", "she"), ("himself", "herself"))),
        ClozeRequest("Mary packed her bag because ___ was leaving.", (("met", "she", "her"),), top_k=2),
        ClozeRequest("She told ___" + " and Anna" * 40, None),
    ]
    if kind != "character":
        requests.append(ClozeRequest("Anna hurt ___ when", None, top_k=5, context="left"))
    together = model.answer([model.prepare(request) for request in requests])
    for request, result in zip(requests, together, strict=True):
        (alone,) = model.answer([model.prepare(request)])
        assert replace(result, blanks=(), joint=None) == replace(alone, blanks=(), joint=None)
        for blank, same in zip(result.blanks, alone.blanks, strict=True):
            assert (blank.start, blank.end) == (same.start, same.end)
            for one, other in zip(blank.predictions, same.predictions, strict=True):
                assert (one.filled, one.pieces) == (other.filled, other.pieces)
                assert one.log_probability == pytest.approx(other.log_probability, abs=1e-5, rel=1e-6)
        for entry, other_entry in zip(result.joint or (), alone.joint or (), strict=True):
            assert entry.filled == other_entry.filled
            assert entry.probability == pytest.approx(other_entry.probability, abs=1e-5)


def test_a_text_among_63_longer_ones_has_the_answer_it_has_alone() -> None:
    model = language_model()
    text, others = "Tom said that ___ was tired.", ["So " * n + "Anna said ___ was here." for n in range(2, 65)]
    alone = model.cloze(text).blanks[0].predictions
    among = model.cloze_batch([*others[:30], text, *others[30:]])[30].blanks[0].predictions
    for one, other in zip(alone, among, strict=True):
        assert one.log_probability == pytest.approx(other.log_probability, abs=1e-5)


def test_an_empty_batch_has_no_answers() -> None:
    assert language_model().cloze_batch([]) == []


def test_one_target_alone_is_certain_and_keeps_its_score() -> None:
    (blank,) = language_model().cloze("Tom said ___.", ["she"]).blanks
    (one,) = blank.predictions
    assert one.probability == 1.0
    assert one.log_probability < log(0.9)
