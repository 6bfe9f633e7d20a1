"""Bodies: whatever comes, one sentence says what is wrong with it and which field is at fault."""

from __future__ import annotations

import pytest

from model.interventions import Intervention
from service.body import parse_body
from service.errors import FieldError, JsonError, ServiceError
from service.schemas import ClozeBody, FillMaskBody, TraceBody


def cloze_of(body: bytes) -> ClozeBody:
    return parse_body(body, ClozeBody)


def test_the_smallest_body_gets_the_documented_defaults() -> None:
    body = cloze_of(b'{"text": "___ left."}')
    assert body.texts == ["___ left."]
    assert (body.targets_by_blank, body.top_k, body.context, body.model, body.trace) == (None, None, "both", None, None)


def test_every_field_may_be_sent_with_its_default() -> None:
    body = cloze_of(
        b'{"text": "___", "evidence": false, "interventions": null, "trace": false, "targets": null, "model": null}'
    )
    assert (body.evidence, body.edits) == (None, ())
    assert cloze_of(b'{"text": "___", "interventions": []}').edits == ()


def test_interventions_are_those_of_the_model() -> None:
    body = cloze_of(
        b'{"text": "___", "evidence": "write", "interventions": ['
        b'{"site": "s", "units": [3, 17], "tokens": [0, 4], "set": 0},'
        b'{"site": "s", "units": "all", "tokens": [2, 2], "scale": 0.5},'
        b'{"site": "s", "units": [0], "tokens": [1, 2], "freeze": true}]}'
    )
    assert body.evidence == "write"
    assert body.edits == (
        Intervention("s", (3, 17), (0, 4), set=0.0),
        Intervention("s", "all", (2, 2), scale=0.5),
        Intervention("s", (0,), (1, 2), freeze=True),
    )


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        (b'["he", "she"]', (("he", "she"),)),
        (b'[["he", "she"], ["his", "her"]]', (("he", "she"), ("his", "her"))),
        (b"null", None),
    ],
)
def test_targets_are_one_list_for_all_blanks_or_one_a_blank(targets: bytes, expected: object) -> None:
    assert cloze_of(b'{"text": "___", "targets": ' + targets + b"}").targets_by_blank == expected


@pytest.mark.parametrize(
    ("trace", "expected"),
    [
        (b"true", TraceBody(sites=None, units="top:8")),
        (b"false", None),
        (b"{}", TraceBody(sites=None, units="top:8")),
        (
            b'{"sites": ["layer0.forward.forget_gate"], "units": [3, 17]}',
            TraceBody(sites=["layer0.forward.forget_gate"], units=[3, 17]),
        ),
        (b'{"units": "all"}', TraceBody(sites=None, units="all")),
    ],
)
def test_trace_is_a_switch_or_a_choice(trace: bytes, expected: object) -> None:
    assert cloze_of(b'{"text": "___", "trace": ' + trace + b"}").trace == expected


def edited(rest: bytes, tokens: bytes = b"[1, 2]", units: bytes = b"[0]") -> bytes:
    """A body with one intervention."""
    one = b'{"site": "s", "units": ' + units + b', "tokens": ' + tokens + b", " + rest + b"}"
    return b'{"text": "a", "interventions": [' + one + b"]}"


WRONG_FIELDS = [
    (b"{}", "text", "the field text is missing"),
    (b"[1]", None, "the body must be an object, not [1]"),
    (b'"text"', None, 'the body must be an object, not "text"'),
    (b'{"text": 5}', "text", "text must be a string or a list of strings, not 5"),
    (b'{"text": null}', "text", "text must be a string or a list of strings, not null"),
    (b'{"text": []}', "text", "text is an empty list; give at least one text"),
    (b'{"text": ["a", null]}', "text", "text[1] must be a string, not null"),
    (
        b'{"txt": "a"}',
        "txt",
        'unknown field "txt"; the fields are text, targets, top_k, context, model, trace, evidence, interventions',
    ),
    (b'{"text": "a", "targets": "he"}', "targets", 'one a blank, not "he"'),
    (b'{"text": "a", "targets": []}', "targets", "targets is an empty list"),
    (b'{"text": "a", "targets": ["he", 3]}', "targets", 'one a blank, not ["he", 3]'),
    (b'{"text": "a", "targets": [["he"], "x"]}', "targets", 'one a blank, not [["he"], "x"]'),
    (b'{"text": "a", "top_k": true}', "top_k", "top_k must be a whole number, not true"),
    (b'{"text": "a", "top_k": "5"}', "top_k", 'top_k must be a whole number, not "5"'),
    (b'{"text": "a", "top_k": 2.5}', "top_k", "top_k must be a whole number, not 2.5"),
    (b'{"text": "a", "top_k": NaN}', "top_k", "top_k must be a whole number, not NaN"),
    (b'{"text": "a", "top_k": 0}', "top_k", "top_k must be at least 1, not 0"),
    (b'{"text": "a", "context": "right"}', "context", "context must be 'both' or 'left', not \"right\""),
    (b'{"text": "a", "model": 3}', "model", "model must be a string, not 3"),
    (b'{"text": "a", "trace": 5}', "trace", "trace must be true, false or an object with sites and units, not 5"),
    (b'{"text": "a", "trace": {"site": 1}}', "trace.site", 'unknown field "trace.site"; the fields are sites, units'),
    (b'{"text": "a", "trace": {"sites": [1]}}', "trace.sites[0]", "trace.sites[0] must be a string, not 1"),
    (b'{"text": "a", "trace": {"sites": "x"}}', "trace.sites", 'trace.sites must be a list, not "x"'),
    (b'{"text": "a", "trace": {"units": [true]}}', "trace.units", "a list of whole numbers, not [true]"),
    (b'{"text": "a", "evidence": true}', "evidence", "evidence must be false, 'hold', 'write' or 'erase', not true"),
    (b'{"text": "a", "evidence": "gate"}', "evidence", "'write' or 'erase', not \"gate\""),
    (b'{"text": "a", "interventions": {}}', "interventions", "interventions must be a list of objects with site"),
    (b'{"text": "a", "interventions": [1]}', "interventions", "set, scale or freeze, not [1]"),
    (b'{"text": "a", "interventions": [{}]}', "interventions[0].site", "the field interventions[0].site is missing"),
    (
        edited(b'"sets": 1'),
        "interventions[0].sets",
        'unknown field "interventions[0].sets"; the fields are site, units, tokens, set, scale, freeze',
    ),
    (edited(b'"set": "0"'), "interventions[0].set", 'interventions[0].set must be a number, not "0"'),
    (edited(b'"set": true'), "interventions[0].set", "interventions[0].set must be a number, not true"),
    (edited(b'"freeze": 1'), "interventions[0].freeze", "interventions[0].freeze must be true or false, not 1"),
    (edited(b'"set": 0', b"[1]"), "interventions[0].tokens", "the first token and the last, not [1]"),
    (edited(b'"set": 0', b"[1, 2.5]"), "interventions[0].tokens", "two whole numbers"),
    (edited(b'"set": 0', b"[true, 2]"), "interventions[0].tokens", "not [true, 2]"),
    (edited(b'"set": 0', units=b'"top:8"'), "interventions[0].units", 'must be "all" or a list of whole numbers'),
    (edited(b'"set": 0', units=b"[1.5]"), "interventions[0].units", "not [1.5]"),
]


@pytest.mark.parametrize(("body", "param", "sentence"), WRONG_FIELDS)
def test_a_wrong_field_is_named_with_what_was_expected_and_what_came(body: bytes, param: str, sentence: str) -> None:
    with pytest.raises(FieldError) as refused:
        cloze_of(body)
    assert sentence in str(refused.value)
    assert refused.value.param == param


NOT_JSON = [
    b"",
    b" \n",
    b"{",
    b"nul",
    b'{"text": "a"} x',
    b"[" * 100_000,
    b'{"a":' * 5_000,
    b'{"text": "\xff"}',
    b'{"text": "\\ud800"}',
    b'{"text": "\\udc00\\ud800"}',
    b'{"text": "a", "top_k": ' + b"9" * 5_000 + b"}",
    b"\xef\xbb\xbf{}",
    '{"text": "a"}'.encode("utf-16"),
]


@pytest.mark.parametrize("body", NOT_JSON, ids=lambda body: repr(body[:20]))
def test_what_is_not_json_in_utf_8_is_said_to_be_so(body: bytes) -> None:
    with pytest.raises(JsonError, match="the body is"):
        cloze_of(body)


def test_what_is_quoted_back_is_cut() -> None:
    with pytest.raises(ServiceError) as refused:
        cloze_of(b'{"' + b"x" * 100_000 + b'": 1}')
    assert len(str(refused.value)) < 300
    assert len(refused.value.param or "") <= 100
    with pytest.raises(ServiceError) as refused:
        cloze_of(b'{"text": "a", "context": "' + b"y" * 100_000 + b'"}')
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"{}", "inputs"),
        (b'{"inputs": []}', "inputs"),
        (b'{"inputs": {"text": "a"}}', "inputs"),
        (b'{"inputs": "a", "parameters": []}', "parameters"),
        (b'{"inputs": "a", "parameters": {"top_k": 0}}', "parameters.top_k"),
        (b'{"inputs": "a", "parameters": {"targets": []}}', "parameters.targets"),
        (b'{"inputs": "a", "parameters": {"target": ["he"]}}', "parameters.target"),
        (b'{"inputs": "a", "options": {}}', "options"),
    ],
)
def test_fill_mask_bodies_are_read_as_strictly(body: bytes, param: str) -> None:
    with pytest.raises(FieldError) as refused:
        parse_body(body, FillMaskBody)
    assert refused.value.param == param


def test_the_parameters_of_fill_mask_may_be_left_out() -> None:
    assert parse_body(b'{"inputs": "[MASK]"}', FillMaskBody).parameters is None
    assert parse_body(b'{"inputs": ["[MASK]"], "parameters": {}}', FillMaskBody).texts == ["[MASK]"]
