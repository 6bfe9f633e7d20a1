"""What a request becomes before anything is read: temperature, warnings, and every refusal with what is possible."""

from __future__ import annotations

from typing import Any

import pytest

from model.cloze import ClozeRequest
from model.errors import RequestError
from model.interventions import Intervention
from model.language_model import LanguageModel
from model.limits import Limits
from model.tokenizer import KINDS
from model.trace import TraceRequest
from tests.model.reference import FLOAT32, Reference, language_model, loaded
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


def test_letters_that_a_blank_touches_are_not_blamed_on_the_target() -> None:
    warnings = language_model().cloze("Tom said Ж___.", ["she", "he"]).warnings
    assert [w.type for w in warnings] == ["unknown_target"] * 2
    assert all("read with the letters that the blank touches" in w.message for w in warnings)


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
        (["he", "she", "he"], "'he' and 'he' are both 'he' in blank 1; give each word once"),
        (["he", ""], "target '' of blank 1 is no word to put there"),
        (["he", "___"], "no word to put there"),
        (["he", 3], "target 3 is a int; expected a word"),
        ([["he", None], ["she"]], "target None is a NoneType"),
        (["he", ["she"]], "words and lists of words"),
    ],
)
def test_targets_that_make_no_sense_are_refused_with_the_reason(targets: Any, said: str) -> None:
    refused = refusal(language_model(), "Tom said ___ saw ___.", targets)
    assert said in str(refused)
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
        (
            {"max_interventions": 1},
            "Tom said that ___ was tired.",
            None,
            {"interventions": [Intervention("layer0.forward.hidden_state", (0,), (1, 1), scale=0.5)] * 2},
            "2 interventions in one request; the limit is 1",
            "interventions",
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
