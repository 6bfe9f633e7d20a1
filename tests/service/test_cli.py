"""`anaphora serve` as an operator meets it: one line when ready, one line when it cannot start, no lost request."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import time
from pathlib import Path

import httpx
import pytest

from service.cli import listen, main
from service.errors import AddressError
from tests.service.processes import service
from tests.tiny import tiny_bundle

TEXT = "Mary packed her bag because ___ was leaving."


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    tiny_bundle(folder / "one", cell="lstm")
    tiny_bundle(folder / "two", cell="gru", seed=1)
    return folder


def test_it_tells_address_and_models_answers_and_ends_with_0(models: Path) -> None:
    with service("--models", str(models), "--default", "two", ANAPHORA_MAX_TEXT="5") as running:
        url = running.url
        assert re.fullmatch(r"Anaphora serves one, two \(default\) at http://127\.0\.0\.1:\d+\n", running.first_line)
        reply = httpx.post(f"{url}/v1/cloze", json={"text": TEXT})
        assert reply.status_code == 200
        assert reply.json()["model"] == "two"
        assert "server" not in reply.headers
        assert "_created" not in httpx.get(f"{url}/metrics").text
        running.process.send_signal(signal.SIGTERM)
        status, errors = running.end()
    assert status == 0
    lines = [json.loads(line) for line in errors.splitlines()]
    assert lines[0]["event"] == "ANAPHORA_MAX_TEXT is not a setting; did you mean ANAPHORA_MAX_TEXTS?"
    assert [line["route"] for line in lines[1:]] == ["/v1/cloze"]


def test_sigterm_drains_then_finishes_what_is_under_way(models: Path) -> None:
    body = json.dumps({"text": TEXT}).encode()
    head = (
        f"POST /v1/cloze HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with (
        service("--models", str(models / "one"), ANAPHORA_DRAIN_SECONDS="60") as running,
        httpx.Client(base_url=running.url, timeout=30) as client,
    ):
        running.process.send_signal(signal.SIGTERM)
        while client.get("/ready").status_code == 200:
            pass
        assert client.get("/ready").json() == {"status": "draining"}
        reply = client.post("/v1/cloze", json={"text": TEXT})  # still taken, on a new connection
        assert reply.status_code == 200
        assert reply.headers["connection"] == "close"
        address = (client.base_url.host, client.base_url.port)
        with socket.create_connection(address, timeout=30) as under_way:
            under_way.sendall(head.encode() + body[:10])
            time.sleep(0.3)  # so that it has begun
            running.process.send_signal(signal.SIGTERM)  # a second one: no more draining
            while is_open(address):
                time.sleep(0.01)
            under_way.sendall(body[10:])
            answer = b"".join(iter(lambda: under_way.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 200")
        assert running.end()[0] == 0


def test_a_log_that_nobody_reads_does_not_stop_it(models: Path) -> None:
    with service("--models", str(models / "one"), ANAPHORA_LOG_LEVEL="debug") as running:
        with httpx.Client(base_url=running.url, timeout=30) as client:
            for _ in range(600):
                assert client.get("/health").status_code == 200
        running.process.send_signal(signal.SIGTERM)
        status, errors = running.end()
    assert status == 0
    assert len(errors) > 65_536  # more than a pipe holds
    assert errors.count("/health") == 600


def is_open(address: tuple[str, int | None]) -> bool:
    """Whether anybody listens there."""
    try:
        with socket.create_connection(address):
            return True
    except ConnectionRefusedError:
        return False


def test_ctrl_c_does_not_wait_for_a_balancer(models: Path) -> None:
    with service("--models", str(models / "one"), ANAPHORA_DRAIN_SECONDS="60") as running:
        assert running.url
        started_at = time.monotonic()
        running.process.send_signal(signal.SIGINT)
        assert running.end()[0] == 0
        assert time.monotonic() - started_at < 30


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])
def test_answers_are_sent_without_waiting_for_more(host: str) -> None:
    """asyncio sets TCP_NODELAY only on sockets whose protocol is named; without it each answer took 40 ms more."""
    with listen(host, 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP


def test_a_host_that_is_not_ours_is_said_in_a_sentence() -> None:
    with pytest.raises(AddressError, match=r"cannot listen on 192\.0\.2\.1 port 8000: .*Choose another"):
        listen("192.0.2.1", 8000)
    with pytest.raises(AddressError, match="cannot listen on no such host"):
        listen("no such host", 8000)


def test_a_port_that_is_taken_is_said_in_one_line(models: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with service("--models", str(models), "--port", port) as running:
            status, errors = running.end()
    assert status == 1
    assert errors.count("\n") == 1
    assert f"cannot listen on 127.0.0.1 port {port}" in errors


def test_one_bad_bundle_stops_the_start_with_its_reason(models: Path, tmp_path: Path) -> None:
    shutil.copytree(models, tmp_path / "models")
    weights = tmp_path / "models" / "two" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with service("--models", str(tmp_path / "models")) as running:
        status, errors = running.end()
    assert status == 1
    last = errors.splitlines()[-1]
    assert "weights.safetensors has" in last
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("arguments", "variables", "sentence"),
    [
        (["--port", "99999"], {}, "ANAPHORA_PORT: input should be less than or equal to 65535, not 99999"),
        (["--port", "http"], {}, "invalid int value: 'http'"),
        (["--modles", "x"], {}, "unrecognized arguments: --modles x"),
        ([], {"ANAPHORA_MAX_TEXTS": "many"}, "ANAPHORA_MAX_TEXTS: input should be a valid integer"),
        ([], {"ANAPHORA_API_KEYS": ",,"}, "ANAPHORA_API_KEYS: has commas but no key"),
        ([], {"ANAPHORA_SHUTDOWN_SECONDS": "1"}, "shutdown_seconds (1) is less than deadline_seconds (10.0)"),
    ],
)
def test_wrong_usage_is_status_2_and_a_sentence(
    arguments: list[str],
    variables: dict[str, str],
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    try:
        status = main(arguments)
    except SystemExit as stop:  # argparse
        status = int(str(stop.code))
    assert status == 2
    assert sentence in capsys.readouterr().err
