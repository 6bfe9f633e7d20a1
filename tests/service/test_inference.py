"""The way of an inference request: its own answer, limits, deadline, overload, keys, leaving."""

from __future__ import annotations

import asyncio
import gzip
import random
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.app import create_app
from service.settings import Settings
from service.store import Store
from tests.service.clients import app_of, client_of, with_client
from tests.service.fakes import FakeLanguageModel, number_in

EDIT = {"site": "layer0.forward.hidden_state", "units": [0], "tokens": [0, 0], "freeze": True}


def assert_refused(reply: httpx.Response, status: int, code: str, param: str | None = None) -> str:
    """The refusal's sentence, if it has the right status and shape."""
    assert reply.status_code == status, reply.text
    error = reply.json()["error"]
    assert set(error) == {"type", "message", "param", "code"}
    assert (error["code"], error["param"]) == (code, param)
    assert ("x-should-retry" in reply.headers) == ((400 <= status < 500 and status != 429) or status == 501)
    assert reply.headers["x-request-id"]
    message: str = error["message"]
    return message


def test_two_hundred_concurrent_requests_each_get_their_own_answers() -> None:
    fake = FakeLanguageModel(delay_seconds=0.001)

    async def use(client: httpx.AsyncClient) -> None:
        chance = random.Random(7)

        async def ask(number: int) -> None:
            texts = [f"{chance.randrange(10**6)} ___" + " word" * chance.randrange(20) for _ in range(1 + number % 5)]
            reply = await client.post("/v1/cloze", json={"text": texts if number % 5 else texts[0]})
            assert reply.status_code == 200, reply.text
            assert reply.json()["model"] == "fake"
            for text, result in zip(texts, reply.json()["results"], strict=True):
                assert result == {"text": text, "answer": 2 * number_in(text) + 1}

        await asyncio.gather(*(ask(number) for number in range(200)))

    with_client(app_of(fake, max_queue=1000), use)
    assert max(fake.batches) > 1


def test_neither_preparing_nor_computing_runs_on_the_event_loop() -> None:
    fake = FakeLanguageModel()

    async def use(client: httpx.AsyncClient) -> None:
        await client.post("/v1/cloze", json={"text": "1 ___"})
        assert {name.split("_")[0] for name in fake.threads} == {"prepare", "compute"}

    with_client(app_of(fake), use)


def test_the_event_loop_answers_while_models_compute() -> None:
    fake = FakeLanguageModel(gate=threading.Event())

    async def use(client: httpx.AsyncClient) -> None:
        asking = asyncio.ensure_future(client.post("/v1/cloze", json={"text": "4 ___"}))
        await asyncio.sleep(0.05)
        assert (await client.get("/health")).status_code == 200
        assert fake.gate is not None
        fake.gate.set()
        assert (await asking).json()["results"][0]["answer"] == 9

    with_client(app_of(fake), use)


@pytest.mark.parametrize("slow", [{"evidence": "hold"}, {"interventions": [EDIT]}])
def test_what_the_equations_compute_stands_before_no_ordinary_request(slow: dict[str, Any]) -> None:
    """Even where every one of their threads is taken, and with one thread in all."""
    fake = FakeLanguageModel(gate=threading.Event(), gated=lambda one: bool(one.evidence or one.interventions))

    async def use(client: httpx.AsyncClient) -> None:
        asking = [asyncio.ensure_future(client.post("/v1/cloze", json={"text": f"{n} ___"} | slow)) for n in range(5)]
        await asyncio.sleep(0.05)
        assert (await client.post("/v1/cloze", json={"text": "4 ___"})).json()["results"][0]["answer"] == 9
        assert not any(one.done() for one in asking)
        assert fake.gate is not None
        fake.gate.set()
        assert [(await one).json()["results"][0]["answer"] for one in asking] == [1, 3, 5, 7, 9]

    with_client(app_of(fake, threads=1), use)
    assert {name.split("_")[0] for name in fake.threads} == {"prepare", "compute", "equations"}


def test_a_request_that_fails_does_not_spoil_its_neighbours() -> None:
    fake = FakeLanguageModel(delay_seconds=0.005)

    async def use(client: httpx.AsyncClient) -> None:
        texts = ["1 ___", "poison ___", "no blank", "2 ___", "3 ___", "4 ___"]
        replies = await asyncio.gather(*(client.post("/v1/cloze", json={"text": text}) for text in texts))
        assert [reply.status_code for reply in replies] == [200, 500, 422, 200, 200, 200]
        assert [reply.json()["results"][0]["answer"] for reply in replies if reply.is_success] == [3, 5, 7, 9]

    with_client(app_of(fake, threads=1), use)


def test_an_unexpected_failure_is_told_without_its_words() -> None:
    async def use(client: httpx.AsyncClient) -> None:
        reply = await client.post("/v1/cloze", json={"text": "poison ___"}, headers={"X-Request-Id": "abc-1"})
        message = assert_refused(reply, 500, "internal_error")
        assert "poison" not in reply.text
        assert "abc-1" in message

    with_client(app_of(FakeLanguageModel()), use)


def test_a_bad_text_refuses_its_batch_and_is_named() -> None:
    async def use(client: httpx.AsyncClient) -> None:
        reply = await client.post("/v1/cloze", json={"text": ["1 ___", "2 ___", "3 ___", "nothing here"]})
        assert "no blank" in assert_refused(reply, 422, "invalid_blank", "text[3]")
        reply = await client.post("/v1/cloze", json={"text": "nothing here"})
        assert_refused(reply, 422, "invalid_blank", "text")

    with_client(app_of(FakeLanguageModel()), use)


def test_an_unknown_model_is_refused_with_those_there_are() -> None:
    async def use(client: httpx.AsyncClient) -> None:
        reply = await client.post("/v1/cloze", json={"text": "1 ___", "model": "en-gpt"})
        assert "fake" in assert_refused(reply, 404, "model_not_found", "model")

    with_client(app_of(FakeLanguageModel()), use)


def test_the_model_that_is_named_answers_else_the_default_one() -> None:
    async def use(client: httpx.AsyncClient) -> None:
        for name, answering in ((None, "en-lstm"), ("other", "other"), ("en-lstm", "en-lstm")):
            reply = await client.post("/v1/cloze", json={"text": "1 ___", "model": name})
            assert reply.json()["model"] == answering

    with_client(app_of(FakeLanguageModel("other"), FakeLanguageModel("en-lstm"), FakeLanguageModel("a")), use)


def test_too_many_texts_are_refused_with_the_limit() -> None:
    async def use(client: httpx.AsyncClient) -> None:
        assert (await client.post("/v1/cloze", json={"text": ["1 ___"] * 3})).status_code == 200
        reply = await client.post("/v1/cloze", json={"text": ["1 ___"] * 4})
        assert "the limit is 3" in assert_refused(reply, 422, "too_many_texts", "text")

    with_client(app_of(FakeLanguageModel(), max_texts=3), use)


def test_a_text_of_too_many_characters_is_refused_before_it_is_tokenized() -> None:
    fake = FakeLanguageModel()

    async def use(client: httpx.AsyncClient) -> None:
        reply = await client.post("/v1/cloze", json={"text": ["1 ___", "_" * 41]})
        assert "41 characters long; the limit is 40" in assert_refused(reply, 422, "text_too_long", "text[1]")
        reply = await client.post("/fill-mask", json={"inputs": "_" * 41})
        assert reply.status_code == 422
        assert "the limit is 40" in reply.json()["error"]
        assert not fake.threads

    with_client(app_of(fake, max_characters=40), use)


async def in_chunks(n_bytes: int) -> AsyncIterator[bytes]:
    for _ in range(n_bytes // 1000):
        yield b"x" * 1000


def test_a_body_over_the_limit_is_refused_whether_its_length_is_declared_or_not() -> None:
    async def use(client: httpx.AsyncClient) -> None:
        fits = b'{"text": "1 ___", "targets": ["' + b"x" * 4000 + b'"]}'
        reply = await client.post("/v1/cloze", content=fits, headers={"content-type": "application/json"})
        assert reply.status_code == 200
        for content in (b"x" * 5001, in_chunks(20_000)):
            reply = await client.post("/v1/cloze", content=content, headers={"content-type": "application/json"})
            assert "limit of 5000 bytes" in assert_refused(reply, 413, "body_too_large")

    with_client(app_of(FakeLanguageModel(), max_body_bytes=5000), use)


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "", "multipart/form-data"])
def test_a_body_that_is_not_declared_as_json_is_refused(content_type: str) -> None:
    async def use(client: httpx.AsyncClient) -> None:
        headers = {"content-type": content_type} if content_type else {}
        reply = await client.post("/v1/cloze", content=b'{"text": "1 ___"}', headers=headers)
        assert "application/json" in assert_refused(reply, 415, "unsupported_content_type")

    with_client(app_of(FakeLanguageModel()), use)


def test_a_compressed_body_is_refused_as_such() -> None:
    async def use(client: httpx.AsyncClient) -> None:
        headers = {"content-type": "application/json", "content-encoding": "gzip"}
        reply = await client.post("/v1/cloze", content=gzip.compress(b'{"text": "1 ___"}'), headers=headers)
        assert "gzip" in assert_refused(reply, 415, "unsupported_content_type")

    with_client(app_of(FakeLanguageModel()), use)


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON", "application/ld+json"])
def test_json_may_be_declared_in_any_of_its_ways(content_type: str) -> None:
    async def use(client: httpx.AsyncClient) -> None:
        reply = await client.post("/v1/cloze", content=b'{"text": "1 ___"}', headers={"content-type": content_type})
        assert reply.status_code == 200

    with_client(app_of(FakeLanguageModel()), use)


def test_a_request_past_its_deadline_is_answered_504_and_frees_its_place() -> None:
    fake = FakeLanguageModel(gate=threading.Event())

    async def use(client: httpx.AsyncClient) -> None:
        started_at = time.monotonic()
        reply = await client.post("/v1/cloze", json={"text": "1 ___"})
        assert "within 0.05 seconds" in assert_refused(reply, 504, "deadline_exceeded")
        assert time.monotonic() - started_at < 5
        assert fake.gate is not None
        fake.gate.set()
        await asyncio.sleep(0.02)
        assert (await client.post("/v1/cloze", json={"text": "2 ___"})).json()["results"][0]["answer"] == 5

    with_client(app_of(fake, deadline_seconds=0.05, max_queue=1, threads=1), use)


def test_the_deadline_counts_the_arrival_of_the_body() -> None:
    async def trickle() -> AsyncIterator[bytes]:
        yield b'{"text": '
        await asyncio.sleep(1)
        yield b'"1 ___"}'

    async def use(client: httpx.AsyncClient) -> None:
        reply = await client.post("/v1/cloze", content=trickle(), headers={"content-type": "application/json"})
        assert_refused(reply, 504, "deadline_exceeded")

    with_client(app_of(FakeLanguageModel(), deadline_seconds=0.05), use)


def test_one_request_more_than_the_queue_holds_is_told_to_come_back() -> None:
    fake = FakeLanguageModel(gate=threading.Event())

    async def use(client: httpx.AsyncClient) -> None:
        asking = [asyncio.ensure_future(client.post("/v1/cloze", json={"text": f"{n} ___"})) for n in range(3)]
        await asyncio.sleep(0.05)
        reply = await client.post("/v1/cloze", json={"text": "9 ___"})
        assert "3 requests are under way" in assert_refused(reply, 429, "overloaded")
        assert reply.headers["retry-after"] == "1"
        assert reply.headers["ratelimit"] == '"api";r=0;t=1'
        assert reply.headers["ratelimit-policy"] == '"fixed window";"api";q=3;w=1'
        assert fake.gate is not None
        fake.gate.set()
        answers = [reply.json()["results"][0]["answer"] for reply in await asyncio.gather(*asking)]
        assert answers == [1, 3, 5]
        assert (await client.post("/v1/cloze", json={"text": "9 ___"})).status_code == 200

    with_client(app_of(fake, max_queue=3), use)


def test_a_caller_who_leaves_frees_the_place() -> None:
    fake = FakeLanguageModel(gate=threading.Event())
    app = app_of(fake, max_queue=1, threads=1)

    async def use(client: httpx.AsyncClient) -> None:
        sent: list[dict[str, Any]] = []
        has_left = asyncio.Event()
        messages = [{"type": "http.request", "body": b'{"text": "1 ___"}', "more_body": False}]

        async def receive() -> dict[str, Any]:
            if messages:
                return messages.pop()
            await has_left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(b"content-type", b"application/json")]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "scheme": "http",
            "method": "POST",
            "path": "/v1/cloze",
            "raw_path": b"/v1/cloze",
            "query_string": b"",
            "root_path": "",
            "headers": headers,
        }
        asking = asyncio.ensure_future(app(scope, receive, send))
        await asyncio.sleep(0.05)
        assert (await client.post("/v1/cloze", json={"text": "2 ___"})).status_code == 429
        has_left.set()
        await asyncio.wait_for(asking, 5)
        assert sent[0]["status"] == 499
        assert fake.gate is not None
        fake.gate.set()
        assert (await client.post("/v1/cloze", json={"text": "2 ___"})).status_code == 200

    with_client(app, use)


def test_keys_are_asked_for_only_when_set_and_only_for_inference() -> None:
    async def without(client: httpx.AsyncClient) -> None:
        for header in ({}, {"authorization": "Bearer "}, {"authorization": "Bearer anything"}, {"authorization": "x"}):
            assert (await client.post("/v1/cloze", json={"text": "1 ___"}, headers=header)).status_code == 200

    async def with_keys(client: httpx.AsyncClient) -> None:
        for header in ({}, {"authorization": "Bearer "}, {"authorization": "Bearer three"}, {"authorization": "one"}):
            reply = await client.post("/v1/cloze", json={"text": "1 ___"}, headers=header)
            assert_refused(reply, 401, "invalid_api_key")
            assert reply.headers["www-authenticate"] == "Bearer"
        for header in ({"authorization": "Bearer one"}, {"authorization": "bearer two"}):
            assert (await client.post("/v1/cloze", json={"text": "1 ___"}, headers=header)).status_code == 200
        for path in ("/health", "/ready", "/metrics", "/v1/models", "/info", "/", "/docs"):
            assert (await client.get(path)).status_code == 200, path

    with_client(app_of(FakeLanguageModel()), without)
    with_client(app_of(FakeLanguageModel(), api_keys="one,two"), with_keys)


def test_before_the_models_are_loaded_inference_is_answered_503(tmp_path: Path) -> None:
    loading = threading.Event()

    def load(folder: object) -> Any:
        loading.wait(20)
        return FakeLanguageModel()

    async def run() -> None:
        app = create_app(Settings(), Store([tmp_path], None, load))
        async with client_of(app, ready=False) as client:
            reply = await client.post("/v1/cloze", json={"text": "1 ___"})
            assert_refused(reply, 503, "not_ready")
            assert reply.headers["retry-after"] == "1"
            assert (await client.get("/v1/models")).json()["data"] == []
            assert (await client.get("/info")).json()["model_id"] is None
            loading.set()
            while (await client.get("/ready")).status_code != 200:
                await asyncio.sleep(0.001)
            assert (await client.post("/v1/cloze", json={"text": "1 ___"})).status_code == 200

    (tmp_path / "bundle.json").touch()
    asyncio.run(run())


@pytest.mark.parametrize("path", ["/v1/models/fake/load"])
def test_routes_of_later_versions_say_so(path: str) -> None:
    async def use(client: httpx.AsyncClient) -> None:
        assert "not built yet" in assert_refused(await client.post(path, json={}), 501, "not_built_yet")

    with_client(app_of(FakeLanguageModel()), use)


@pytest.mark.parametrize("path", ["/nowhere", "/v1/cloze/x", "/v1", "/page/../service/app.py", "/%00", "/page/%00"])
def test_paths_that_are_not_there_are_a_404_in_the_same_shape(path: str) -> None:
    async def use(client: httpx.AsyncClient) -> None:
        assert_refused(await client.get(path), 404, "not_found")

    with_client(app_of(FakeLanguageModel()), use)


def test_a_wrong_method_is_a_405_that_names_the_right_ones() -> None:
    async def use(client: httpx.AsyncClient) -> None:
        reply = await client.get("/v1/cloze")
        assert "it takes POST" in assert_refused(reply, 405, "method_not_allowed")
        reply = await client.delete("/")
        assert reply.headers["allow"] == "GET, HEAD, POST"
        assert set(reply.json()) == {"error", "error_type"}

    with_client(app_of(FakeLanguageModel()), use)
