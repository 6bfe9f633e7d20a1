"""The API's description: valid references, and every example in it answered."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from model import load
from service.replies import BeliefReply, ClozeReply, FilledMask, ModelCard, ModelList
from tests.service.clients import app_of, with_client
from tests.tiny import tiny_bundle


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return app_of(load(tiny_bundle(tmp_path_factory.mktemp("models") / "tiny")))


def test_every_route_of_the_interface_is_described(app: Any) -> None:
    described = {(method.upper(), path) for path, methods in app.openapi()["paths"].items() for method in methods}
    assert described == {
        ("POST", "/v1/cloze"),
        ("POST", "/v1/belief"),
        ("POST", "/fill-mask"),
        ("GET", "/v1/models"),
        ("GET", "/v1/models/{name}"),
        ("GET", "/health"),
        ("GET", "/ready"),
        ("GET", "/info"),
        ("GET", "/metrics"),
    }


def test_every_reference_leads_to_a_schema(app: Any) -> None:
    description = app.openapi()
    named = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(description)))
    assert {"ClozeBody", "BeliefBody", "BeliefReply", "TraceBody", "FillMaskBody", "ClozeReply", "ErrorReply"} <= named
    assert named <= set(description["components"]["schemas"])
    assert "$defs" not in json.dumps(description)


def test_every_example_is_answered_in_the_described_shape(app: Any) -> None:
    async def use(client: httpx.AsyncClient) -> None:
        n_examples = 0
        for path, methods in app.openapi()["paths"].items():
            body = methods.get("post", {}).get("requestBody", {}).get("content", {}).get("application/json", {})
            for example in body.get("examples", {}).values():
                reply = await client.post(path, json=example["value"])
                assert reply.status_code == 200, reply.text
                n_examples += 1
                if example["value"].get("stream"):
                    assert reply.headers["content-type"].startswith("text/event-stream")
                elif path == "/v1/belief":
                    BeliefReply.model_validate(reply.json(), strict=True, extra="forbid")
                elif path == "/v1/cloze":
                    ClozeReply.model_validate(reply.json(), strict=True, extra="forbid")
                else:
                    for entry in reply.json():
                        FilledMask.model_validate(entry, strict=True, extra="forbid")
        assert n_examples >= 5
        ModelList.model_validate((await client.get("/v1/models")).json(), strict=True, extra="forbid")
        ModelCard.model_validate((await client.get("/v1/models/tiny")).json())

    with_client(app, use)


def test_every_code_of_an_error_is_documented() -> None:
    from service.errors import ANSWERS, code_of

    document = (Path(__file__).parents[2] / "docs" / "service.md").read_text()
    hidden = {"client_disconnected", "invalid_body"}
    for kind, answer in ANSWERS.items():
        code = code_of(kind("x"))
        assert code in hidden or re.search(rf"\| {answer.status}[\d, ]* \|.*`{code}`", document), (kind, code)
