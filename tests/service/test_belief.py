"""POST /v1/belief: chunks with the state between, server-sent events, limits, and callers who leave."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from model import load
from model.belief import BeliefStream, _Reading
from model.language_model import LanguageModel
from tests.service.clients import app_of, url_of, with_client
from tests.tiny import SENTENCES, tiny_bundle

TEXT = " ".join(SENTENCES)
LONG = "\n\n".join(SENTENCES * 12)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def model(folder: Path) -> LanguageModel:
    return load(tiny_bundle(folder / "tiny"))


def assert_refused(reply: httpx.Response, status: int, code: str, param: str | None = None) -> str:
    assert reply.status_code == status, reply.text
    error = reply.json()["error"]
    assert (error["code"], error["param"]) == (code, param)
    return str(error["message"])


def events_of(text: str) -> list[tuple[str, Any]]:
    """(name, data) of server-sent events."""
    found = []
    for block in text.removesuffix("\n\n").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        assert set(fields) <= {"event", "data"}
        found.append((fields.get("event", "message"), json.loads(fields["data"])))
    return found


def assert_are(sent: list[dict[str, Any]], expected: Any) -> None:
    assert [token["text"] for token in sent] == [token.text for token in expected]
    for one, other in zip(sent, expected, strict=True):
        assert (one["start"], one["end"]) == (other.start, other.end)
        assert one["probability"] == pytest.approx(other.probability, abs=1e-6)


def test_the_reply_is_the_models_belief(model: LanguageModel) -> None:
    async def use(client: httpx.AsyncClient) -> None:
        reply = (await client.post("/v1/belief", json={"text": TEXT, "pair": ["his", "her"]})).json()
        expected = model.belief(TEXT, ("his", "her"))
        assert set(reply) == {"model", "tokens", "state", "warnings"}
        assert (reply["model"], reply["warnings"]) == ("tiny", [])
        assert_are(reply["tokens"], expected.tokens)
        assert [token["provisional"] for token in reply["tokens"]] == [t.provisional for t in expected.tokens]
        assert set(reply["tokens"][0]) == {"text", "start", "end", "probability", "provisional"}

    with_client(app_of(model), use)


def test_chunks_with_the_state_between_give_the_tokens_of_the_whole(model: LanguageModel) -> None:
    async def use(client: httpx.AsyncClient) -> None:
        state, sent, reply = None, [], {}
        for start in range(0, len(TEXT), 97):
            body = {"text": TEXT[start : start + 97], "state": state}
            reply = (await client.post("/v1/belief", json=body)).json()
            sent += [token for token in reply["tokens"] if not token["provisional"]]
            state = reply["state"]
        sent += [token for token in reply["tokens"] if token["provisional"]]
        assert_are(sent, model.belief(TEXT).tokens)

    with_client(app_of(model), use)


def test_an_empty_chunk_is_a_chunk(model: LanguageModel) -> None:
    async def use(client: httpx.AsyncClient) -> None:
        first = (await client.post("/v1/belief", json={"text": ""})).json()
        assert [token["text"] for token in first["tokens"]] == ["<s>"]
        then = (await client.post("/v1/belief", json={"text": "", "state": first["state"]})).json()
        assert (then["tokens"], then["state"]) == ([], first["state"])

    with_client(app_of(model), use)


def test_a_stream_gives_the_same_tokens_in_groups_and_its_state_last(model: LanguageModel) -> None:
    async def use(client: httpx.AsyncClient) -> None:
        reply = await client.post("/v1/belief", json={"text": LONG, "stream": True})
        assert reply.status_code == 200
        assert reply.headers["content-type"].startswith("text/event-stream")
        assert reply.headers["cache-control"] == "no-cache"
        events = events_of(reply.text)
        assert [name for name, _ in events] == ["message"] * (len(events) - 1) + ["end"]
        assert len(events) >= 3
        assert all(set(data) == {"tokens"} and data["tokens"] for _, data in events[:-1])
        assert_are([token for _, data in events for token in data["tokens"]], model.belief(LONG).tokens)
        assert all(token["provisional"] for token in events[-1][1]["tokens"])
        rest = await client.post("/v1/belief", json={"text": " He", "state": events[-1][1]["state"]})
        assert rest.json()["tokens"][-1]["end"] == len(LONG) + 3

    with_client(app_of(model), use)


@pytest.mark.parametrize("stream", [False, True])
def test_what_cannot_be_answered_is_refused_before_anything_is_sent(model: LanguageModel, stream: bool) -> None:
    state = model.belief("Mary was").state
    other = model.belief("Mary was", ("his", "her")).state

    async def use(client: httpx.AsyncClient) -> None:
        async def refused(status: int, code: str, param: str | None, **body: Any) -> str:
            reply = await client.post("/v1/belief", json={"text": "Mary", "stream": stream} | body)
            return assert_refused(reply, status, code, param)

        assert "pair" in await refused(422, "invalid_state", "state", state=other)
        assert "damaged" in await refused(422, "invalid_state", "state", state=state[:-9] + "A" + state[-8:])
        assert "damaged" in await refused(422, "invalid_state", "state", state="")
        assert "two words" in await refused(422, "invalid_targets", "pair", pair=["he"])
        assert "expected two words" in await refused(422, "invalid_targets", "pair", pair=["he", ""])
        assert "tiny" in await refused(404, "model_not_found", "model", model="none")
        if not stream:
            assert "whitespace" in await refused(422, "text_too_long", "text", text="a" * 17_000)
        assert "missing" in assert_refused(await client.post("/v1/belief", json={}), 422, "invalid_field", "text")
        for field, value in (("text", 3), ("text", ["a"]), ("pair", "he"), ("state", 3), ("stream", 1), ("other", 1)):
            await refused(422, "invalid_field", field, **{field: value})

    with_client(app_of(model), use)


def test_a_lone_surrogate_is_no_json(model: LanguageModel) -> None:
    async def use(client: httpx.AsyncClient) -> None:
        headers = {"content-type": "application/json"}
        reply = await client.post("/v1/belief", content=b'{"text": "Mary \\ud83d"}', headers=headers)
        assert_refused(reply, 400, "invalid_json")

    with_client(app_of(model), use)


def test_longer_texts_than_the_limits_are_refused_with_what_to_do(model: LanguageModel) -> None:
    async def use(client: httpx.AsyncClient) -> None:
        message = assert_refused(await client.post("/v1/belief", json={"text": TEXT}), 422, "text_too_long", "text")
        assert "the limit is 100." in message
        assert '"stream": true' in message
        reply = await client.post("/v1/belief", json={"text": TEXT, "stream": True})
        assert "the limit is 200." in assert_refused(reply, 422, "text_too_long", "text")
        info = (await client.get("/info")).json()
        assert (info["max_characters"], info["max_stream_characters"]) == (100, 200)

    with_client(app_of(model, max_characters=100, max_stream_characters=200), use)


def test_a_word_that_the_model_cannot_read_is_a_warning(folder: Path) -> None:
    words = load(tiny_bundle(folder / "words", kind="word"))

    async def use(client: httpx.AsyncClient) -> None:
        reply = (await client.post("/v1/belief", json={"text": "Mary", "pair": ["he", "zebra"]})).json()
        (warning,) = reply["warnings"]
        assert (warning["type"], warning["start"], warning["end"]) == ("unknown_target", None, None)

    with_client(app_of(words), use)


def held(monkeypatch: pytest.MonkeyPatch, gate: threading.Event, after: int) -> list[str]:
    """Makes every stream wait for `gate` once it has been fed `after` times; the list holds what it was fed."""
    feed, fed = BeliefStream.feed, []

    def waiting(stream: BeliefStream, text: str) -> Any:
        fed.append(text)
        if len(fed) > after:
            assert gate.wait(20)
        return feed(stream, text)

    monkeypatch.setattr(BeliefStream, "feed", waiting)
    return fed


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await condition():
            await asyncio.sleep(0.005)


def test_the_loop_answers_while_a_text_is_read(model: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    held(monkeypatch, gate, 0)

    async def use(client: httpx.AsyncClient) -> None:
        reading = asyncio.ensure_future(client.post("/v1/belief", json={"text": TEXT}))
        await asyncio.sleep(0.05)
        assert (await client.get("/health")).status_code == 200
        assert "anaphora_inference_requests 1.0" in (await client.get("/metrics")).text
        refused = await client.post("/v1/belief", json={"text": TEXT, "stream": True})
        assert_refused(refused, 429, "overloaded")
        gate.set()
        assert (await reading).status_code == 200

    with_client(app_of(model, max_queue=1), use)


def test_a_stream_past_its_time_ends_with_an_error_and_the_state_to_go_on_from(
    model: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    whole = model.belief(LONG).tokens
    held(monkeypatch, gate, 2)

    async def use(client: httpx.AsyncClient) -> None:
        reply = await client.post("/v1/belief", json={"text": LONG, "stream": True})
        gate.set()
        events = events_of(reply.text)
        name, data = events[-1]
        assert (name, data["error"]["code"]) == ("error", "deadline_exceeded")
        sent = [token for _, each in events[:-1] for token in each["tokens"]]
        monkeypatch.undo()
        state = data["state"]
        assert data["n_characters"] == 2 * 2048
        rest = await client.post(
            "/v1/belief", json={"text": LONG[data["n_characters"] :], "state": state, "stream": True}
        )
        assert_are(sent + [token for _, each in events_of(rest.text) for token in each["tokens"]], whole)
        assert "anaphora_inference_requests 0.0" in (await client.get("/metrics")).text
        failures = (await client.get("/metrics")).text
        assert 'anaphora_request_failures_total{reason="deadline_exceeded"} 1.0' in failures

    with_client(app_of(model, max_stream_seconds=0.5), use)


def test_a_reading_that_nobody_waits_for_any_more_ends(model: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    read, n_read = _Reading._read, 0

    def slow(reading: _Reading, *arguments: Any) -> Any:
        nonlocal n_read
        n_read += 1
        time.sleep(0.05)
        return read(reading, *arguments)

    monkeypatch.setattr(_Reading, "_read", slow)
    monkeypatch.setattr("model.belief.WINDOW_TOKENS", 16)

    async def use(client: httpx.AsyncClient) -> None:
        reply = await client.post("/v1/belief", json={"text": "a." * 1000})
        assert_refused(reply, 504, "deadline_exceeded")
        await asyncio.sleep(0.2)  # the window under way is read to its end
        at_end = n_read
        await asyncio.sleep(0.3)
        assert 0 < n_read == at_end < 100

    with_client(app_of(model, deadline_seconds=0.3), use)


def test_a_state_with_half_a_character_is_refused(model: LanguageModel) -> None:
    state = model.belief("Tom said a\ud800").state

    async def use(client: httpx.AsyncClient) -> None:
        for stream in (False, True):
            reply = await client.post("/v1/belief", json={"text": " b", "state": state, "stream": stream})
            assert "lone surrogate" in assert_refused(reply, 422, "invalid_state", "state")

    with_client(app_of(model), use)


def test_what_fails_in_the_middle_is_an_event(model: LanguageModel) -> None:
    text = LONG + " " + "a" * 20_000

    async def use(client: httpx.AsyncClient) -> None:
        events = events_of((await client.post("/v1/belief", json={"text": text, "stream": True})).text)
        name, data = events[-1]
        assert (name, data["error"]["code"]) == ("error", "text_too_long")
        assert data["state"] and len(LONG) < data["n_characters"] < len(text)
        assert events[0][0] == "message"

    with_client(app_of(model), use)


def test_an_unexpected_failure_is_told_without_its_words(model: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(stream: BeliefStream) -> Any:
        raise RuntimeError("secret")

    monkeypatch.setattr(BeliefStream, "provisional", failing)

    async def use(client: httpx.AsyncClient) -> None:
        reply = await client.post("/v1/belief", json={"text": LONG, "stream": True})
        name, data = events_of(reply.text)[-1]
        assert (name, data["error"]["code"]) == ("error", "internal_error")
        assert "secret" not in reply.text
        assert reply.headers["x-request-id"] in data["error"]["message"]

    with_client(app_of(model), use)


def test_nothing_is_read_on_for_a_caller_who_left(model: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    fed = held(monkeypatch, gate := threading.Event(), 1)

    with url_of(app_of(model, max_queue=1)) as url, httpx.Client(base_url=url, timeout=20) as other:
        while other.get("/ready").status_code != 200:
            time.sleep(0.01)
        with (
            httpx.Client(base_url=url, timeout=20) as client,
            client.stream("POST", "/v1/belief", json={"text": LONG, "stream": True}) as reply,
        ):
            assert reply.status_code == 200
        while "anaphora_inference_requests 0.0" not in other.get("/metrics").text:
            time.sleep(0.01)  # the place is free, while the thread is still held
        gate.set()
        assert other.post("/v1/belief", json={"text": "Mary"}).status_code == 200
        assert len(fed) <= 4  # the slices under way, and the last request's
        assert 'reason="client_disconnected"} 1.0' in other.get("/metrics").text


def test_a_reader_who_is_slow_is_waited_for(model: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    gate.set()
    fed = held(monkeypatch, gate, 0)
    text = LONG * 40

    async def use() -> None:
        app = app_of(model, max_stream_seconds=20)
        body = json.dumps({"text": text, "stream": True}).encode()
        messages = [{"type": "http.request", "body": body, "more_body": False}]
        reads, n_sent, has_left = asyncio.Semaphore(4), 0, asyncio.Event()

        async def receive() -> dict[str, Any]:
            if messages:
                return messages.pop()
            await has_left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            nonlocal n_sent
            await reads.acquire()
            n_sent += 1

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": "/v1/belief",
            "raw_path": b"/v1/belief",
            "query_string": b"",
            "root_path": "",
            "headers": [(b"content-type", b"application/json")],
        }
        async with app.router.lifespan_context(app):
            answering = asyncio.ensure_future(app(scope, receive, send))
            async with asyncio.timeout(10):
                while n_sent < 4:
                    await asyncio.sleep(0.01)
            await asyncio.sleep(0.3)
            assert len(fed) <= 7  # no further than the event that waits to be sent
            assert len(fed) < len(text) / 2048 / 4
            has_left.set()
            await asyncio.wait_for(answering, 5)

    asyncio.run(use())


def test_a_pair_of_many_pieces_is_read_in_smaller_slices(model: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    gate.set()
    fed = held(monkeypatch, gate, 0)

    async def use(client: httpx.AsyncClient) -> None:
        reply = await client.post("/v1/belief", json={"text": TEXT, "pair": ["unforgettably", "immeasurable"]})
        assert reply.status_code == 200
        assert max(map(len, fed)) <= 2048 / 10

    with_client(app_of(model), use)


def test_keys_and_readiness_hold_for_belief_too(model: LanguageModel) -> None:
    async def use(client: httpx.AsyncClient) -> None:
        assert_refused(await client.post("/v1/belief", json={"text": "Mary"}), 401, "invalid_api_key")
        headers = {"authorization": "Bearer one"}
        assert (await client.post("/v1/belief", json={"text": "Mary"}, headers=headers)).status_code == 200

    with_client(app_of(model, api_keys="one"), use)
