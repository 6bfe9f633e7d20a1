"""Health, readiness, info and metrics, as an operator's tools read them."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from model.errors import BundleFormatError
from service.app import create_app
from service.readiness import Readiness
from service.settings import Settings
from service.store import Store
from tests.service.clients import app_of, client_of, with_client
from tests.service.fakes import FakeLanguageModel


def test_ready_says_503_while_draining_and_requests_are_still_answered() -> None:
    readiness = Readiness()
    app = create_app(Settings(), Store.of([FakeLanguageModel()]), readiness=readiness)  # type: ignore[list-item]

    async def use(client: httpx.AsyncClient) -> None:
        reply = await client.get("/ready")
        assert (reply.status_code, reply.json()) == (200, {"status": "ready"})
        assert "connection" not in reply.headers
        readiness.drain()
        reply = await client.get("/ready")
        assert (reply.status_code, reply.json()) == (503, {"status": "draining"})
        assert (await client.get("/health")).status_code == 200
        assert [(await client.head(path)).status_code for path in ("/health", "/ready")] == [200, 503]
        reply = await client.post("/v1/cloze", json={"text": "1 ___"})
        assert reply.status_code == 200
        assert reply.headers["connection"] == "close"
        assert value_of(await metrics_of(client), "anaphora_ready") == 0
        readiness.become_ready()
        assert readiness.is_draining  # for good

    with_client(app, use)


def test_a_store_that_cannot_be_loaded_is_told_and_never_ready(tmp_path: Path) -> None:
    (tmp_path / "bundle.json").touch()
    outcomes: list[Exception | None] = []

    def load(folder: Path) -> Any:
        raise BundleFormatError("of another version.")

    async def run() -> None:
        app = create_app(Settings(), Store([tmp_path], None, load), when_started=outcomes.append)
        async with client_of(app, ready=False) as client:
            while not outcomes:
                await asyncio.sleep(0.001)
            reply = await client.get("/ready")
            assert (reply.status_code, reply.json()) == (503, {"status": "failed"})
            assert (await client.get("/health")).status_code == 200

    asyncio.run(run())
    assert "of another version." in str(outcomes[0])


def test_info_tells_the_model_and_the_limits_in_force() -> None:
    async def use(client: httpx.AsyncClient) -> None:
        info = (await client.get("/info")).json()
        assert info["model_id"] == "fake"
        assert info["model_sha"] == "0" * 64
        assert (info["max_input_length"], info["max_client_batch_size"]) == (77, 5)
        assert [card["id"] for card in info["models"]] == ["fake"]

    with_client(app_of(FakeLanguageModel(), max_tokens=77, max_texts=5), use)


def test_the_models_have_openais_shape() -> None:
    async def use(client: httpx.AsyncClient) -> None:
        listed = (await client.get("/v1/models")).json()
        assert listed["object"] == "list"
        assert [card["id"] for card in listed["data"]] == ["en-lstm", "fake"]
        assert [card["default"] for card in listed["data"]] == [True, False]
        for card in listed["data"]:
            assert card["object"] == "model"
            assert isinstance(card["created"], int)
            assert isinstance(card["owned_by"], str)
        shown = (await client.get("/v1/models/fake")).json()
        assert shown["sites"][0] == "layer0.forward.reset_gate"
        assert shown["gender_units"] == {"layer0.forward": [1, 0]}
        reply = await client.get("/v1/models/nobody")
        assert reply.status_code == 404
        assert reply.json()["error"]["code"] == "model_not_found"

    with_client(app_of(FakeLanguageModel("fake"), FakeLanguageModel("en-lstm")), use)


async def metrics_of(client: httpx.AsyncClient) -> str:
    reply = await client.get("/metrics")
    assert reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return reply.text


def value_of(text: str, name: str, /, **labels: str) -> float:
    """The value of one sample; 0 when it is not there."""
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return sample.value
    return 0.0


async def some_of_everything(client: httpx.AsyncClient) -> str:
    await client.post("/v1/cloze", json={"text": ["1 ___", "2 ___ and more"]})
    await client.post("/v1/cloze", json={"text": "poison ___"})
    await client.post("/v1/cloze", json={"text": 5})
    await client.get("/v1/models/fake")
    for number in range(50):
        await client.get(f"/nowhere/{number}")
        await client.get(f"/v1/models/{number}")
    return await metrics_of(client)


def test_what_happened_is_counted() -> None:
    async def use(client: httpx.AsyncClient) -> None:
        text = await some_of_everything(client)
        assert value_of(text, "anaphora_requests_total", route="/v1/cloze", code="200") == 1
        assert value_of(text, "anaphora_requests_total", route="/v1/cloze", code="500") == 1
        assert value_of(text, "anaphora_requests_total", route="/v1/cloze", code="422") == 1
        assert value_of(text, "anaphora_requests_total", route="unmatched", code="404") == 50
        assert value_of(text, "anaphora_requests_total", route="/v1/models/{name}", code="404") == 50
        assert value_of(text, "anaphora_request_failures_total", reason="internal_error") == 1
        assert value_of(text, "anaphora_request_failures_total", reason="invalid_field") == 1
        assert value_of(text, "anaphora_request_duration_seconds_count", route="/v1/cloze") == 3
        assert value_of(text, "anaphora_batch_size_sum") == 3
        assert value_of(text, "anaphora_batch_tokens_sum") == 2 + 4 + 2
        assert value_of(text, "anaphora_queue_duration_seconds_count") == 3
        assert value_of(text, "anaphora_tokenization_duration_seconds_count") == 2
        assert value_of(text, "anaphora_queue_size", model="fake") == 0
        assert value_of(text, "anaphora_inference_requests") == 0
        assert value_of(text, "anaphora_model_info", name="fake", sha256="0" * 64) == 1
        assert value_of(text, "anaphora_ready") == 1
        assert value_of(text, "process_start_time_seconds") > 0

    with_client(app_of(FakeLanguageModel()), use)


def test_paths_and_names_that_callers_make_up_add_no_series() -> None:
    async def use(client: httpx.AsyncClient) -> None:
        await some_of_everything(client)  # the second time even /metrics itself has been counted
        before = (await some_of_everything(client)).count("\n")
        after = (await some_of_everything(client)).count("\n")
        assert after == before

    with_client(app_of(FakeLanguageModel()), use)


def test_metrics_keep_prometheus_rules() -> None:
    """The rules of promtool: help, _total on counters only, base units, no colons."""

    async def use(client: httpx.AsyncClient) -> None:
        families = list(text_string_to_metric_families(await some_of_everything(client)))
        ours = [family for family in families if family.name.startswith("anaphora_")]
        assert len(ours) > 10
        for family in ours:
            assert family.documentation.endswith("."), family.name
            assert ":" not in family.name
            assert not any(unit in family.name for unit in ("milli", "_ms", "minutes", "kilo"))
            if family.type == "counter":
                assert all(sample.name.endswith(("_total", "_created")) for sample in family.samples)
            if "duration" in family.name:
                assert "_seconds" in family.name

    with_client(app_of(FakeLanguageModel()), use)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool (Debian: prometheus)")
def test_promtool_accepts_the_metrics() -> None:
    async def use(client: httpx.AsyncClient) -> None:
        text = await some_of_everything(client)
        done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    with_client(app_of(FakeLanguageModel()), use)


def test_two_apps_in_one_process_count_apart() -> None:
    async def use(client: httpx.AsyncClient) -> None:
        text = await metrics_of(client)
        assert value_of(text, "anaphora_requests_total", route="/v1/cloze", code="200") == 0

    with_client(app_of(FakeLanguageModel()), use)
    with_client(app_of(FakeLanguageModel()), use)
