"""Request ids and log lines: every request can be found again, and none of its words can."""

from __future__ import annotations

import json
import logging

import httpx
import pytest

from service.access import JsonLines
from tests.service.clients import app_of, with_client
from tests.service.fakes import FakeLanguageModel


@pytest.mark.parametrize("header", ["X-Request-Id", "X-Amzn-Trace-Id"])
def test_a_callers_id_comes_back(header: str) -> None:
    async def use(client: httpx.AsyncClient) -> None:
        for path in ("/health", "/nowhere", "/"):
            reply = await client.get(path, headers={header: "Root=1-67a:b"})
            assert reply.headers["x-request-id"] == "Root=1-67a:b"

    with_client(app_of(FakeLanguageModel()), use)


@pytest.mark.parametrize("bad", [None, "", "a b", "x" * 129, "näh", 'a"b', "<script>"])
def test_an_id_that_is_missing_or_not_fit_to_print_is_made_anew(bad: str | None) -> None:
    async def use(client: httpx.AsyncClient) -> None:
        headers = {} if bad is None else {"X-Request-Id": bad.encode()}
        ids = {(await client.get("/health", headers=headers)).headers["x-request-id"] for _ in range(2)}  # type: ignore[arg-type]
        assert len(ids) == 2
        assert bad not in ids

    with_client(app_of(FakeLanguageModel()), use)


def test_a_request_is_one_log_line_without_a_word_of_the_text(caplog: pytest.LogCaptureFixture) -> None:
    async def use(client: httpx.AsyncClient) -> None:
        caplog.clear()
        with caplog.at_level(logging.INFO, "anaphora"):
            await client.post("/v1/cloze?secret=1", json={"text": "secret 1 ___"}, headers={"X-Request-Id": "a-1"})
            await client.post("/v1/cloze", json={"text": "secret"})
            await client.get("/secret/path")
            await client.get("/health")
        records = [record for record in caplog.records if record.name == "anaphora.access"]
        lines = [json.loads(JsonLines().format(record)) for record in records]
        assert [(line["method"], line["route"], line["status"]) for line in lines] == [
            ("POST", "/v1/cloze", 200),
            ("POST", "/v1/cloze", 422),
            ("GET", "unmatched", 404),
        ]
        assert lines[0]["request_id"] == "a-1"
        assert lines[0]["seconds"] > 0
        assert lines[0]["bytes"] > 10
        assert "secret" not in str(lines)

    with_client(app_of(FakeLanguageModel()), use)


def test_an_unexpected_failure_is_logged_with_its_traceback_under_the_requests_id(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def use(client: httpx.AsyncClient) -> None:
        await client.post("/v1/cloze", json={"text": "poison ___"}, headers={"X-Request-Id": "a-2"})
        record = next(record for record in caplog.records if record.levelno == logging.ERROR)
        line = json.loads(JsonLines().format(record))
        assert line["request_id"] == "a-2"
        assert "Traceback" in line["traceback"]

    with_client(app_of(FakeLanguageModel()), use)


def test_a_log_line_stays_one_line_whatever_it_holds() -> None:
    record = logging.LogRecord("anaphora", logging.INFO, "", 0, "two\nlines \x1b[31m", (), None)
    assert "\n" not in JsonLines().format(record)
    assert "\x1b" not in JsonLines().format(record)
