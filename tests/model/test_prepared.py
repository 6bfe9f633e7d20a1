"""From a request to probabilities: top_k, temperature, ties, warnings, and every refusal with what is possible."""

from __future__ import annotations

from dataclasses import replace
from math import log
from typing import Any

import numpy as np
import pytest

from model.cloze import ClozeRequest
from model.errors import RequestError
from model.language_model import LanguageModel
from model.limits import Limits
from model.tokenizer import KINDS
from model.trace import TraceRequest
from tests.model.reference import FLOAT32, Reference, language_model, loaded, softmax
from tests.tiny import tiny_config, tiny_weights

CONTRAST_ONLY = {"objective": {"language_model_weight": 0.0, "contrast_weight": 1.0}}
PROBABILITY = 1e-4
"""How far a probability may be off: 10 times what FLOAT32 does to a share."""


def limited(**limits: int) -> LanguageModel:
    return loaded("lstm", "bidirectional", "subword", tiny_weights(tiny_config()), Limits(**limits))


def refusal(model: LanguageModel, text: str, targets: Any = None, **options: Any) -> RequestError:
    with pytest.raises(RequestError) as refused:
        model.cloze(text, targets, **options)
    return refused.value


# ---------------------------------------------------------------------------------------------- top_k


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


def test_neither_targets_nor_top_k_asks_the_bundles_default_pair() -> None:
    (blank,) = language_model().cloze("Tom said ___ was.").blanks
    assert {one.target for one in blank.predictions} == {"he", "she"}


def test_top_k_says_what_is_possible_where_it_cannot_be_answered() -> None:
    character = language_model("lstm", "causal", "character")
    refused = refusal(character, "Tom said ___.", top_k=3)
    assert 'Give the words to choose from as "targets"' in str(refused)
    assert (refused.code, refused.param) == ("invalid_top_k", "top_k")
    several = refusal(language_model(), "___ said ___.", top_k=3)
    assert "the text has 2. Give targets for each" in str(several)
    touching = refusal(language_model(), "Tom saw ___self.", top_k=3)
    assert "touches letters" in str(touching)
    assert "Give targets, or put a space" in str(touching)


def test_a_bundle_without_the_language_model_objective_has_no_top_k_but_answers_targets() -> None:
    weights = tiny_weights(tiny_config())
    model = loaded("lstm", "bidirectional", "subword", weights, **CONTRAST_ONLY)
    refused = refusal(model, "Tom said ___.", top_k=3)
    assert "without the language-model objective" in str(refused)
    assert (refused.code, refused.param) == ("unsupported", "top_k")
    asked = ("Tom said ___.", ["he", "she"])
    assert model.cloze(*asked, top_k=1).blanks == language_model().cloze(*asked, top_k=1).blanks


@pytest.mark.parametrize("top_k", [0, -1, True, 1.5, "3"])
def test_top_k_is_a_whole_number_from_1(top_k: Any) -> None:
    assert "expected a whole number from 1" in str(refusal(language_model(), "___ was", top_k=top_k))


# ---------------------------------------------------------------------------------------------- temperature


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


@pytest.mark.parametrize("targets", [["him", "her"], ["he", "she", "it"], ["he", "Mary"], ["he"]])
def test_any_other_targets_have_temperature_1(targets: list[str]) -> None:
    model = language_model(calibrated=True)
    assert model.cloze("Tom said that ___ was tired.", targets).temperature == 1.0
    assert model.cloze("Tom said that ___ was tired.", top_k=3).temperature == 1.0


def test_several_blanks_have_a_temperature_where_all_ask_the_calibrated_pair() -> None:
    model = language_model(calibrated=True)
    text = "Tom said ___ saw ___."
    assert model.cloze(text, ["he", "she"]).temperature == 2.0
    assert model.cloze(text, [["he", "she"], ["she", "he"]]).temperature == 2.0
    assert model.cloze(text, [["he", "she"], ["him", "her"]]).temperature == 1.0


def test_a_pair_is_recognised_however_its_accents_are_written() -> None:
    pairs = {"pairs": [{"forms": ["él", "ella"]}]}
    calibration = [{"forms": ["él", "ella"], "context": "both", "temperature": 3.0}]
    weights = tiny_weights(tiny_config())
    model = loaded("lstm", "bidirectional", "subword", weights, pronouns=pairs, calibration=calibration)
    for targets in (None, ["e\u0301l", "ella"]):
        assert model.cloze("Tom said ___.", targets).temperature == 3.0


# ---------------------------------------------------------------------------------------------- order and ties


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


# ---------------------------------------------------------------------------------------------- warnings


def test_an_unknown_piece_is_named_with_its_place_in_the_text_as_sent() -> None:
    source = "Zoe\u0308  said: “___ was 😀.”"
    result = language_model().cloze(source)
    assert {w.type for w in result.warnings} == {"unknown_piece"}
    assert [source[w.start : w.end] for w in result.warnings] == ["Z", "e\u0308", "😀"]
    assert "'😀' is unknown to this model" in result.warnings[-1].message


@pytest.mark.parametrize(
    ("kind", "target"), [("subword", "zebra"), ("word", "zebra"), ("character", "3"), ("subword", "h😀")]
)
def test_an_unknown_target_is_scored_and_named_never_dropped(kind: str, target: str) -> None:
    result = language_model("lstm", "bidirectional", kind).cloze("Tom said  ___ was", ["she", target])
    (warning,) = result.warnings
    assert (warning.type, warning.start, warning.end) == ("unknown_target", 10, 13)
    assert repr(target) in warning.message
    scores = {one.target: one.log_probability for one in result.blanks[0].predictions}
    reference = Reference(language_model("lstm", "bidirectional", kind))
    assert scores[target] == pytest.approx(reference.score(["Tom said ", " was"], [target]), abs=FLOAT32)


def test_each_blank_warns_of_its_own_unknown_targets() -> None:
    result = language_model().cloze("___ said ___", [["zebra", "he"], ["she", "Zoo"]])
    assert [(w.start, w.type) for w in result.warnings] == [(0, "unknown_target"), (9, "unknown_target")]
    assert "'Zoo'" in result.warnings[1].message


def test_a_text_that_is_known_throughout_has_no_warnings() -> None:
    for kind in KINDS:
        result = language_model("lstm", "bidirectional", kind).cloze('"She was here," said ___.', ["Paul", "Anna"])
        assert result.warnings == ()


# ---------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        ([], "a list of targets is empty"),
        ([["he"], []], "a list of targets is empty"),
        (
            [["he"], ["she"], ["it"]],
            "3 lists of targets for 2 blanks; expected one list for all blanks, or one for each",
        ),
        (["he", "she", "he"], "'he' and 'he' are both 'he' in blank 2; give each word once"),
        (["he", ""], "target '' of blank 1 is no word to put there"),
        (["he", "___"], "no word to put there"),
        (["he", 3], "target 3 is a int; expected a word"),
        ([["he", None], ["she"]], "target None is a NoneType"),
        (["he", ["she"]], "words and lists of words"),
    ],
)
def test_targets_that_make_no_sense_are_refused_with_the_reason(targets: Any, said: str) -> None:
    text = "Tom said ___ saw ___."
    refused = refusal(language_model(), text, targets)
    assert said.replace("blank 2", "blank 1") in str(refused) or said in str(refused)
    assert (refused.code, refused.param) == ("invalid_targets", "targets")


def test_two_targets_that_become_one_word_are_refused() -> None:
    refused = refusal(language_model(), "___ said so.", ["he", "He"])
    assert "'he' and 'He' are both 'He' in blank 1" in str(refused)
    assert language_model().cloze("Tom said ___.", ["he", "He"]).warnings == ()  # two words anywhere else


def test_one_list_of_targets_serves_every_blank_and_a_string_is_one_target() -> None:
    result = language_model().cloze("Tom said ___ saw ___.", ["he", "she"])
    assert [{one.target for one in blank.predictions} for blank in result.blanks] == [{"he", "she"}] * 2
    (blank,) = language_model().cloze("Tom said ___.", "she").blanks
    assert [(one.target, one.probability) for one in blank.predictions] == [("she", 1.0)]


def test_a_context_that_does_not_exist_is_refused() -> None:
    refused = refusal(language_model(), "___", context="right")
    assert "context is 'right'; expected both or left" in str(refused)
    assert refused.param == "context"


def test_a_text_that_is_no_string_is_refused() -> None:
    refused = refusal(language_model(), 3)  # type: ignore[arg-type]
    assert "the text is a int; expected a string" in str(refused)
    assert refused.param == "text"


@pytest.mark.parametrize(
    ("limits", "text", "targets", "options", "said", "param"),
    [
        (
            {"max_tokens": 10},
            "Tom said that ___ was tired and old.",
            None,
            {},
            "11 tokens long; the limit is 10",
            "text",
        ),
        ({"max_tokens": 10}, "!" * 100 + "___", None, {}, "104 tokens long; the limit is 10", "text"),
        ({"max_targets": 2}, "___", ["he", "she", "it"], {}, "3 targets for one blank; the limit is 2", "targets"),
        ({"max_target_pieces": 2}, "so ___", ["Tomato"], {}, "is 3 pieces; a target may have at most 2", "targets"),
        ({"max_top_k": 5}, "___", None, {"top_k": 6}, "top_k is 6; the limit is 5", "top_k"),
        (
            {"max_assignments": 7},
            "___ ___ ___",
            ["he", "she"],
            {},
            "3 blanks make 8 ways to fill the text; the limit is 7",
            "targets",
        ),
        ({"max_tokens_read": 10}, "Tom said that ___ was ___.", ["he", "she"], {}, "the limit is 10", "text"),
        (
            {"max_trace_values": 100},
            "Tom said that ___ was tired.",
            None,
            {"trace": TraceRequest(units=(0,))},
            "the trace would hold 216 values (9 tokens x 1 units x 24 sites); the limit is 100",
            "trace",
        ),
    ],
)
def test_each_limit_is_refused_with_what_was_asked_and_the_limit(
    limits: dict[str, int], text: str, targets: Any, options: dict[str, Any], said: str, param: str
) -> None:
    refused = refusal(limited(**limits), text, targets, **options)
    assert said in str(refused)
    assert refused.param == param
    ((name, limit),) = limits.items()
    longer = {name: 100 * limit}
    limited(**longer).cloze(text, targets, **options)


def test_what_is_exactly_at_a_limit_is_answered() -> None:
    text = "Tom said that ___ was tired."
    model = limited(max_tokens=9, max_targets=2, max_assignments=2, max_top_k=1, max_trace_values=9 * 24)
    result = model.cloze(text, ["he", "she"], top_k=1, trace=TraceRequest(units=(0,)))
    assert result.trace is not None
    assert len(result.trace.tokens) == 9
    n_read = model.prepare(ClozeRequest(text)).n_tokens
    assert limited(max_tokens_read=n_read).cloze(text).blanks
    refusal(limited(max_tokens_read=n_read - 1), text)


def test_a_causal_network_says_how_to_ask_for_top_k_with_less_to_read() -> None:
    weights = tiny_weights(tiny_config("lstm", "causal"))
    model = loaded("lstm", "causal", "subword", weights, Limits(max_tokens_read=1000))
    refused = refusal(model, "Tom said that ___ was tired.", top_k=3)
    assert "the limit is 1,000" in str(refused)
    assert 'Use context "left", give targets, or use a bidirectional model' in str(refused)
    assert refused.param == "top_k"
    assert len(model.cloze("Tom said that ___ was tired.", top_k=3, context="left").blanks[0].predictions) == 3


def test_a_number_of_fillings_too_long_to_write_is_refused_like_any_other() -> None:
    """100 to the power of 2,200 has more digits than Python writes."""
    refused = refusal(language_model(), "___ " * 2_200, [f"w{number}" for number in range(100)])
    assert "2200 blanks make too many ways to fill the text; the limit is 1,024" in str(refused)


def test_no_refusal_repeats_what_was_sent_at_length() -> None:
    long = "x" * 100_000
    model = language_model("lstm", "bidirectional", "word")
    for refused in (
        refusal(model, "___", [long, long]),
        refusal(model, "___", [long + "___"]),
        refusal(model, "___", context=long),
        refusal(model, "___", top_k=long),
        refusal(model, "___", trace=TraceRequest(units=long)),
    ):
        assert len(str(refused)) < 400


# ---------------------------------------------------------------------------------------------- batches


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
