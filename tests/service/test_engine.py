"""The engine over real, tiny bundles: HTTP answers are the model's own, whoever asks beside them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from model import load
from model.cloze import ClozeRequest
from model.language_model import LanguageModel
from model.trace import TraceRequest
from service.schemas import ClozeBody
from tests.model.reference import loaded
from tests.service.clients import app_of, url_of, with_client
from tests.service.test_inference import assert_refused
from tests.tiny import SENTENCES, tiny_bundle, tiny_config, tiny_weights

TEXTS = [sentence.replace(" he ", " ___ ").replace(" she ", " ___ ") for sentence in SENTENCES]
TEXTS = [text for text in TEXTS if text.count("___") == 1]
TOLERANCE = 1e-5  # float32, other neighbours in the batch
HUGE = 10**30


@pytest.fixture(scope="module")
def language_models(tmp_path_factory: pytest.TempPathFactory) -> list[LanguageModel]:
    folder = tmp_path_factory.mktemp("models")
    return [
        load(tiny_bundle(folder / "both", cell="lstm", direction="bidirectional")),
        load(tiny_bundle(folder / "causal", cell="gru", direction="causal", seed=1)),
        load(tiny_bundle(folder / "letters", cell="rnn", direction="causal", kind="character", seed=2)),
    ]


@pytest.fixture(scope="module")
def server(language_models: list[LanguageModel]) -> Iterator[httpx.Client]:
    """A client of all three on a real port; the default is `both`."""
    with (
        url_of(app_of(*language_models, default_model="both")) as url,
        httpx.Client(base_url=url, timeout=30) as client,
    ):
        yield client


def assert_same(actual: Any, expected: Any) -> None:
    """Equal, floats within the tolerance."""
    if isinstance(expected, float):
        assert actual == pytest.approx(expected, rel=TOLERANCE, abs=TOLERANCE)
    elif isinstance(expected, dict):
        assert actual.keys() == expected.keys()
        for key, value in expected.items():
            assert_same(actual[key], value)
    elif isinstance(expected, list | tuple):
        assert len(actual) == len(expected)
        for one, other in zip(actual, expected, strict=True):
            assert_same(one, other)
    else:
        assert actual == expected


FIELDS = ["text", "temperature", "warnings", "blanks", "joint", "joint_kind", "trace", "evidence"]
FIELDS.append("without_interventions")
QUESTIONS: list[dict[str, Any]] = [
    {},
    {"targets": ["he", "she"], "context": "left"},
    {"targets": ["he", "she", "herself"], "top_k": 2},
    {"trace": True},
    {"trace": {"sites": ["layer1.forward.hidden_state"], "units": [5, 0]}},
    {"top_k": 3, "context": "left"},
    {"evidence": "hold"},
    {"interventions": [{"site": "layer0.forward.hidden_state", "units": [0, 5], "tokens": [1, 2], "scale": -2.0}]},
    {
        "evidence": "hold",
        "targets": ["he", "she"],
        "trace": {"sites": ["layer1.forward.hidden_state"], "units": [5, 0]},
        "interventions": [{"site": "layer1.forward.hidden_state", "units": "all", "tokens": [1, 1], "set": 0.5}],
    },
]


def test_answers_under_concurrency_are_those_of_the_model_asked_alone(language_models: list[LanguageModel]) -> None:
    chance = random.Random(3)
    asked = [(chance.choice(language_models), chance.choice(TEXTS), chance.choice(QUESTIONS)) for _ in range(80)]
    asked = [(model, text, q) for model, text, q in asked if not (model.name == "letters" and "context" in q)]

    async def use(client: httpx.AsyncClient) -> None:
        async def ask(model: LanguageModel, text: str, question: dict[str, Any]) -> httpx.Response:
            return await client.post("/v1/cloze", json={"text": text, "model": model.name} | question)

        replies = await asyncio.gather(*(ask(*one) for one in asked))
        for (model, text, question), reply in zip(asked, replies, strict=True):
            assert reply.status_code == 200, reply.text
            trace = question.get("trace")
            chosen = {} if trace in (None, True) else trace
            request = ClozeRequest(
                text,
                (tuple(question["targets"]),) if "targets" in question else None,
                question.get("top_k"),
                question.get("context", "both"),
                None if trace is None else TraceRequest(
                    tuple(chosen["sites"]) if chosen else None, tuple(chosen["units"]) if chosen else "top:8"
                ),
                question.get("evidence"),
                ClozeBody.model_validate({"text": text} | question).edits,
            )  # fmt: skip
            expected = model.answer([model.prepare(request)])[0].to_dict()
            assert_same(reply.json(), {"model": model.name, "results": [expected]})

    with_client(app_of(*language_models, max_tokens_read=10**6), use)


def test_units_are_asked_for_by_the_bundle_s_ranking_or_refused(server: httpx.Client) -> None:
    weights = tiny_weights(tiny_config())
    ranking = {"ranking": {"layer0.forward": [{"unit": 4}, {"unit": 1}, {"unit": 0}]}}
    ranked = loaded("lstm", "bidirectional", "subword", weights, gender_units=ranking)
    site = "layer0.forward.forget_gate"
    body = {"text": TEXTS[0], "trace": {"sites": [site], "units": "gender:2"}}

    async def use(client: httpx.AsyncClient) -> None:
        reply = await client.post("/v1/cloze", json=body)
        assert reply.json()["results"][0]["trace"]["sites"][site]["units"] == [4, 1]
        assert (await client.get("/v1/models/tiny")).json()["gender_units"] == {"layer0.forward": [4, 1, 0]}

    with_client(app_of(ranked), use)
    refused = server.post("/v1/cloze", json=body)
    assert refused.status_code == 422
    error = refused.json()["error"]
    assert (error["code"], error["param"]) == ("invalid_trace", "trace")
    assert "holds no ranking" in error["message"]


def test_a_reply_has_every_field_of_the_documented_shape(server: httpx.Client) -> None:
    reply = server.post("/v1/cloze", json={"text": [TEXTS[0], "___ said that ___ left."], "trace": True})
    one, two = reply.json()["results"]
    for result in (one, two):
        assert list(result) == FIELDS
    assert (one["joint"], one["joint_kind"]) == (None, None)
    assert (one["evidence"], one["without_interventions"]) == (None, None)
    assert two["joint_kind"] == "pseudo"
    assert len(two["joint"]) == 4
    blank = one["blanks"][0]
    assert TEXTS[0][blank["start"] : blank["end"]] == "___"
    fields = {"target", "filled", "probability", "log_probability", "pieces"}
    assert [set(entry) for entry in blank["predictions"]] == [fields] * 2
    trace = one["trace"]
    assert len(trace["sites"]) == 2 * 2 * 6  # layers, directions, activations of an LSTM
    gate = trace["sites"]["layer0.forward.forget_gate"]
    assert len(gate["values"]) == len(trace["tokens"])
    assert len(gate["units"]) == len(gate["values"][0]) == 6


EDIT = {"site": "layer0.forward.forget_gate", "units": [0], "tokens": [0, 1], "set": 1}
NOT_EDITED = ("invalid_intervention", "interventions[0]")
REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"text": ""}, "invalid_blank", "text"),
    ({"text": "no blank"}, "invalid_blank", "text"),
    ({"text": "______MASK]___<mask>"}, "invalid_blank", "text"),
    ({"text": "___ " + "word " * 2000}, "text_too_long", "text"),
    ({"text": "___", "targets": [""]}, "invalid_targets", "targets"),
    ({"text": "___", "targets": ["he", "he"]}, "invalid_targets", "targets"),
    ({"text": "___", "targets": [["he"], ["she"]]}, "invalid_targets", "targets"),
    ({"text": "___", "targets": [[]]}, "invalid_targets", "targets"),
    ({"text": "___", "targets": ["x" * 500]}, "target_too_long", "targets"),
    ({"text": "___", "targets": ["x" * 900_000]}, "target_too_long", "targets"),
    ({"text": "___", "targets": [f"w{n}" for n in range(300)]}, "too_many", "targets"),
    ({"text": "a ___ " * 11}, "too_many", "targets"),
    ({"text": "___", "top_k": HUGE}, "too_many", "top_k"),
    ({"text": "___ ___", "top_k": 5}, "invalid_top_k", "top_k"),
    ({"text": "___self", "top_k": 5}, "invalid_top_k", "top_k"),
    ({"text": "___", "model": "letters", "top_k": 5}, "invalid_top_k", "top_k"),
    ({"text": "___", "trace": {"sites": ["layer9.forward.forget_gate"]}}, "invalid_trace", "trace"),
    ({"text": "___", "trace": {"sites": ["s" * 900_000]}}, "invalid_trace", "trace"),
    ({"text": "___", "trace": {"sites": []}}, "invalid_trace", "trace"),
    ({"text": "___", "trace": {"units": [6]}}, "invalid_trace", "trace"),
    ({"text": "___", "trace": {"units": [-1]}}, "invalid_trace", "trace"),
    ({"text": "___", "trace": {"units": [HUGE]}}, "invalid_trace", "trace"),
    ({"text": "___", "trace": {"units": "top:0"}}, "invalid_trace", "trace"),
    ({"text": "___", "trace": {"units": "most"}}, "invalid_trace", "trace"),
    ({"text": "___", "evidence": "hold", "targets": ["he"]}, "invalid_evidence", "evidence"),
    ({"text": "___ ___", "evidence": "hold"}, "invalid_evidence", "evidence"),
    ({"text": "___", "evidence": "hold", "top_k": 3}, "invalid_evidence", "evidence"),
    ({"text": "___", "evidence": "write", "model": "causal"}, "unsupported", "evidence"),
    ({"text": "___", "interventions": [EDIT | {"site": "layer0.forward.update_gate"}]}, *NOT_EDITED),
    ({"text": "___", "interventions": [EDIT | {"site": "s" * 900_000}]}, *NOT_EDITED),
    ({"text": "___", "interventions": [EDIT | {"units": []}]}, *NOT_EDITED),
    ({"text": "___", "interventions": [EDIT | {"units": [HUGE]}]}, *NOT_EDITED),
    ({"text": "___", "interventions": [EDIT | {"tokens": [0, 3]}]}, *NOT_EDITED),
    ({"text": "___", "interventions": [EDIT | {"tokens": [HUGE, HUGE]}]}, *NOT_EDITED),
    ({"text": "___", "interventions": [EDIT | {"set": 1e300}]}, *NOT_EDITED),
    ({"text": "___", "interventions": [EDIT | {"scale": 1}]}, *NOT_EDITED),
    ({"text": "___", "interventions": [EDIT] * 65}, "too_many", "interventions"),
]


@pytest.mark.parametrize(("question", "code", "param"), REFUSED)
def test_what_cannot_be_answered_is_refused_with_its_reason(
    server: httpx.Client, question: dict[str, Any], code: str, param: str
) -> None:
    reply = server.post("/v1/cloze", json=question)
    assert len(assert_refused(reply, 422, code, param)) < 500
    reply = server.post("/v1/cloze", json=question | {"text": ["Tom said ___ left.", question["text"]]})
    assert reply.status_code == 422
    assert reply.json()["error"]["param"] in {"text[0]", "text[1]"}


ODD_TEXTS = [
    "\x00 ___ \x00",
    "▁ ___ ▁▁",
    "<s> ___ </s> <unk> <pad>",
    "👩‍👩‍👧 said ___ 🏳️‍🌈",
    "z̡̢͖̘̗͖̱͛́̍a̸l̴g̵o̶ ___",
    "\u202e___\u202c \ufeff",
    "___" + "\n" * 50,
    "\r\n\t\v\f ___ \u2028\u2029",
    "ﬁnd ___ ½ Å \u0958",
    "_" * 500,
    "[MASK]",
    "<mask>.",
    "___; DROP TABLE models; --",
    "{{ ___ }} ${jndi:ldap://x} <script>alert(1)</script>",
    "\U0010ffff ___ \ue000",
]


@pytest.mark.parametrize("text", ODD_TEXTS, ids=ascii)
@pytest.mark.parametrize("model", ["both", "causal", "letters"])
def test_odd_texts_are_answered_with_offsets_of_the_text_as_sent(server: httpx.Client, text: str, model: str) -> None:
    reply = server.post("/v1/cloze", json={"text": text, "model": model, "trace": True})
    assert reply.status_code == 200, reply.text
    result = reply.json()["results"][0]
    assert result["text"] == text
    (blank,) = result["blanks"]
    assert set(text[blank["start"] : blank["end"]]) <= set("_[MASK]<mask>")
    assert sum(entry["probability"] for entry in blank["predictions"]) == pytest.approx(1)
    for token in result["trace"]["tokens"]:
        assert 0 <= token["start"] <= token["end"] <= len(text)


def test_before_and_after_stand_side_by_side_for_each_text(server: httpx.Client) -> None:
    edit = {"site": "layer1.forward.hidden_state", "units": "all", "tokens": [1, 2], "set": 0.9}
    plain = server.post("/v1/cloze", json={"text": TEXTS[:2]}).json()["results"]
    edited = server.post("/v1/cloze", json={"text": TEXTS[:2], "interventions": [edit]}).json()["results"]
    for before, after in zip(plain, edited, strict=True):
        assert_same(after["without_interventions"], before["blanks"])
        assert after["blanks"] != after["without_interventions"]
    same = server.post("/v1/cloze", json={"text": TEXTS[0], "interventions": [edit | {"set": None, "scale": 1}]}).json()
    assert same["results"][0]["blanks"] == same["results"][0]["without_interventions"]


def test_an_edit_that_one_text_of_a_batch_is_too_short_for_names_it(server: httpx.Client) -> None:
    body = {"text": [TEXTS[0], "___"], "interventions": [EDIT | {"tokens": [0, 5]}]}
    assert "tokens 0 (<s>) to 2" in assert_refused(
        server.post("/v1/cloze", json=body), 422, "invalid_intervention", "text[1]"
    )


def test_evidence_is_told_token_by_token_as_in_a_trace(server: httpx.Client) -> None:
    result = server.post("/v1/cloze", json={"text": TEXTS[0], "evidence": "hold", "trace": True}).json()["results"][0]
    assert [set(entry) for entry in result["evidence"]] == [{"text", "start", "end", "log_odds_change"}] * len(
        result["trace"]["tokens"]
    )
    tokens = [{key: entry[key] for key in ("text", "start", "end")} for entry in result["evidence"]]
    assert tokens == result["trace"]["tokens"]
    assert [e["start"] for e in result["evidence"] if e["log_odds_change"] is None] == [result["blanks"][0]["start"]]


def test_many_texts_cannot_get_round_the_limits_of_one(language_models: list[LanguageModel]) -> None:
    async def use(client: httpx.AsyncClient) -> None:
        text = "Tom said that ___ was tired."
        alone = {"text": text, "trace": {"sites": ["layer0.forward.forget_gate"], "units": "all"}}
        n_tokens = len((await client.post("/v1/cloze", json=alone)).json()["results"][0]["trace"]["tokens"])
        n_fitting = 500 // (n_tokens * 6)
        reply = await client.post("/v1/cloze", json=alone | {"text": [text] * n_fitting})
        assert reply.status_code == 200, reply.text
        reply = await client.post("/v1/cloze", json=alone | {"text": [text] * (n_fitting + 1)})
        assert "the limit is 500" in assert_refused(reply, 422, "too_many", "trace")
        reply = await client.post("/v1/cloze", json={"text": [text] * 30})
        assert "the limit of one request is 200" in assert_refused(reply, 422, "too_many", "text")

    with_client(app_of(language_models[0], max_trace_values=500, max_tokens_read=200), use)


def test_a_bundle_without_a_language_model_says_what_it_cannot_do(tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path / "contrast", objective={"language_model_weight": 0.0, "contrast_weight": 1.0})

    async def use(client: httpx.AsyncClient) -> None:
        assert (await client.post("/v1/cloze", json={"text": TEXTS[0]})).status_code == 200
        reply = await client.post("/v1/cloze", json={"text": TEXTS[0], "top_k": 3})
        assert "language-model objective" in assert_refused(reply, 422, "unsupported", "top_k")
        reply = await client.post("/fill-mask", json={"inputs": TEXTS[0], "parameters": {"targets": ["he"]}})
        assert reply.status_code == 422
        assert "full vocabulary" in reply.json()["error"]

    with_client(app_of(load(bundle)), use)
