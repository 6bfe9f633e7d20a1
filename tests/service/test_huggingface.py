"""The real client of huggingface_hub against the real service on a real port."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError

from service.app import create_app
from service.settings import Settings
from service.store import Store
from tests.service.clients import app_of, url_of
from tests.service.fakes import FakeLanguageModel
from tests.service.processes import service
from tests.tiny import tiny_bundle

TEXT = "Mary packed her bag because [MASK] was leaving."


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    bundle = tiny_bundle(tmp_path_factory.mktemp("models") / "tiny")
    with service("--models", str(bundle)) as running:
        yield running.url


@pytest.fixture
def client(url: str, monkeypatch: pytest.MonkeyPatch) -> InferenceClient:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    return InferenceClient(model=url, token="anything", timeout=30)


def test_a_mask_is_filled(client: InferenceClient) -> None:
    found = client.fill_mask(TEXT)
    assert len(found) == 5
    assert found[0].score >= found[-1].score > 0
    assert found[0].sequence == TEXT.replace("[MASK]", found[0].token_str)
    assert isinstance(found[0].token, int)


def test_targets_and_top_k_are_obeyed(client: InferenceClient) -> None:
    assert {entry.token_str for entry in client.fill_mask(TEXT, targets=["he", "she"])} == {"he", "she"}
    assert len(client.fill_mask(TEXT, targets=["he", "she"], top_k=1)) == 1
    assert len(client.fill_mask(TEXT, top_k=3)) == 3


def test_two_masks_give_two_lists(client: InferenceClient) -> None:
    first, second = client.fill_mask("[MASK] lost [MASK] hat.", top_k=2)
    assert len(first) == len(second) == 2
    assert first[0].sequence.endswith("lost [MASK] hat.")
    assert second[0].sequence.startswith("[MASK] lost")


def test_a_list_of_texts_gives_a_list_of_answers(client: InferenceClient) -> None:
    found = client.fill_mask([TEXT, "Tom said that <mask> was tired."], top_k=2)  # type: ignore[arg-type]
    assert [len(answer) for answer in found] == [2, 2]
    assert found[1][0].sequence.startswith("Tom said that ")


def test_the_fill_mask_route_answers_as_the_root_does(client: InferenceClient, url: str) -> None:
    assert client.fill_mask(TEXT, model=f"{url}/fill-mask") == client.fill_mask(TEXT)


def test_a_text_without_a_mask_is_refused_with_a_sentence_and_an_id(client: InferenceClient) -> None:
    with pytest.raises(HfHubHTTPError) as refused:
        client.fill_mask("no mask here")
    assert refused.value.response.status_code == 422
    assert "the text has no blank" in str(refused.value.server_message)
    assert refused.value.request_id


def test_an_overloaded_service_is_told_as_such(client: InferenceClient) -> None:
    fake = FakeLanguageModel(gate=threading.Event())
    assert fake.gate is not None
    with url_of(app_of(fake, max_queue=1)) as url:
        taking = threading.Thread(target=httpx.post, args=(f"{url}/v1/cloze",), kwargs={"json": {"text": "1 ___"}})
        taking.start()
        while not fake.batches:
            time.sleep(0.001)
        with pytest.raises(HfHubHTTPError) as refused:
            client.fill_mask(TEXT, model=url)
        fake.gate.set()
        taking.join()
    assert refused.value.response.status_code == 429
    assert "Retry after 1 seconds" in str(refused.value)


def test_health_and_info_are_found_at_the_root(url: str) -> None:
    client = InferenceClient(model=url, provider="hf-inference")
    assert client.health_check() is True
    info = client.get_endpoint_info()
    assert info["model_id"] == "tiny"
    assert info["model_pipeline_tag"] == "fill-mask"


def test_a_model_that_is_not_loaded_is_told_as_503(client: InferenceClient, tmp_path: Path) -> None:
    release = threading.Event()

    def load(folder: Path) -> Any:
        release.wait(60)
        return FakeLanguageModel()

    (tmp_path / "bundle.json").touch()
    with url_of(create_app(Settings(), Store([tmp_path], None, load))) as url:
        with pytest.raises(HfHubHTTPError) as refused:
            client.fill_mask(TEXT, model=url)
        release.set()
    assert refused.value.response.status_code == 503
    assert "still being loaded" in str(refused.value.server_message)


def test_a_deadline_is_told_as_504(client: InferenceClient) -> None:
    with (
        url_of(app_of(FakeLanguageModel(), deadline_seconds=0.000_001)) as url,
        pytest.raises(HfHubHTTPError) as refused,
    ):
        client.fill_mask(TEXT, model=url)
    assert refused.value.response.status_code == 504
