"""The question and its answer as data: the reply that every client gets."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError

import pytest

from model.cloze import ClozeRequest
from model.trace import TraceRequest
from tests.model.reference import language_model


def test_the_reply_has_the_fields_of_the_public_interface() -> None:
    text = "Mary packed because ___ was leaving."
    reply = json.loads(json.dumps(language_model().cloze(text).to_dict()))
    assert list(reply) == [
        "text",
        "temperature",
        "warnings",
        "blanks",
        "joint",
        "joint_kind",
        "trace",
        "evidence",
        "without_interventions",
    ]
    (blank,) = reply["blanks"]
    assert (reply["text"], reply["temperature"], blank["start"], blank["end"]) == (text, 1.0, 20, 23)
    assert {reply[name] for name in list(reply)[4:]} == {None}
    for prediction in blank["predictions"]:
        assert list(prediction) == ["target", "filled", "probability", "log_probability", "pieces"]
        assert prediction["pieces"] == ["▁" + prediction["target"]]


def test_the_reply_to_several_blanks_has_a_joint_and_to_a_trace_request_a_trace() -> None:
    request = TraceRequest(("layer0.forward.forget_gate",), (3,))
    result = language_model("lstm", "causal").cloze("___ saw ___.", [["he", "she"], ["him", "her"]], trace=request)
    reply = json.loads(json.dumps(result.to_dict()))
    assert reply["joint_kind"] == "exact"
    assert len(reply["joint"]) == 4
    assert list(reply["joint"][0]) == ["filled", "probability"]
    assert {entry["filled"][0] for entry in reply["joint"]} == {"He", "She"}
    assert list(reply["trace"]) == ["tokens", "sites"]
    assert list(reply["trace"]["sites"]) == ["layer0.forward.forget_gate"]


def test_the_reply_gives_the_target_as_asked_and_as_filled() -> None:
    (first, second) = language_model().cloze("___ saw ___.", [["he"], ["him"]]).to_dict()["blanks"]
    assert [(one["target"], one["filled"]) for one in first["predictions"]] == [("he", "He")]
    assert [(one["target"], one["filled"]) for one in second["predictions"]] == [("him", "him")]


def test_a_warning_has_a_type_a_place_and_a_sentence() -> None:
    (warning,) = language_model().cloze("ж said ___.").to_dict()["warnings"][-1:]
    assert warning == {
        "type": "unknown_piece",
        "start": 0,
        "end": 1,
        "message": "'ж' is unknown to this model.",
    }


def test_a_question_cannot_be_changed_once_asked() -> None:
    request = ClozeRequest("___")
    with pytest.raises(FrozenInstanceError):
        request.text = "other"  # type: ignore[misc]
