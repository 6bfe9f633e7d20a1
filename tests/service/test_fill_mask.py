"""Hugging Face's fill-mask: shapes, scores over the vocabulary, several masks, refusals."""

from __future__ import annotations

import math
from typing import Any

import httpx
import numpy as np
import pytest

from model import load
from model.cloze import ClozeRequest
from model.language_model import LanguageModel
from tests.service.clients import app_of, with_client
from tests.tiny import tiny_bundle

TEXT = "Mary packed her bag because [MASK] was leaving."


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    return load(tiny_bundle(tmp_path_factory.mktemp("models") / "both"))


@pytest.fixture(scope="module")
def causal(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    return load(tiny_bundle(tmp_path_factory.mktemp("models") / "causal", cell="gru", direction="causal"))


def answers(
    language_model: LanguageModel, *bodies: dict[str, Any], path: str = "/fill-mask", **settings: Any
) -> list[Any]:
    """The replies' JSON; all must be 200."""
    found = []

    async def use(client: httpx.AsyncClient) -> None:
        for body in bodies:
            reply = await client.post(path, json=body)
            assert reply.status_code == 200, reply.text
            found.append(reply.json())

    with_client(app_of(language_model, **settings), use)
    return found


def refusal(language_model: LanguageModel, body: Any, **settings: Any) -> tuple[int, str]:
    """Status and sentence of a refusal."""
    found = []

    async def use(client: httpx.AsyncClient) -> None:
        reply = await client.post("/", json=body)
        assert set(reply.json()) == {"error", "error_type"}, reply.text
        found.append((reply.status_code, reply.json()["error"]))

    with_client(app_of(language_model, **settings), use)
    return found[0]


@pytest.mark.parametrize("path", ["/", "/fill-mask"])
def test_a_mask_is_answered_by_a_list_of_predictions(both: LanguageModel, path: str) -> None:
    (reply,) = answers(both, {"inputs": TEXT, "parameters": {}}, path=path)
    assert len(reply) == 5
    assert [set(entry) for entry in reply] == [{"score", "token", "token_str", "sequence"}] * 5
    scores = [entry["score"] for entry in reply]
    assert scores == sorted(scores, reverse=True)
    for entry in reply:
        assert entry["sequence"] == TEXT.replace("[MASK]", entry["token_str"])
        assert both.tokenizer.pieces[entry["token"]] == "▁" + entry["token_str"]


def test_scores_are_a_softmax_over_the_full_vocabulary(both: LanguageModel) -> None:
    n_words = len(both.tokenizer.whole_words(marked=True))
    everything, targets = answers(
        both,
        {"inputs": TEXT, "parameters": {"top_k": n_words}},
        {"inputs": TEXT, "parameters": {"targets": ["he", "she"]}},
        max_top_k=n_words,
    )
    assert len(everything) == n_words
    assert sum(entry["score"] for entry in everything) < 1  # word parts and marks have the rest
    by_word = {entry["token_str"]: entry["score"] for entry in everything}
    for entry in targets:
        assert entry["score"] == pytest.approx(by_word[entry["token_str"]], rel=1e-4)
    before = both.tokenizer.encode_ids("Mary packed her bag because")
    after = both.tokenizer.encode_ids(" was leaving.")
    forward = both.runtime.read("forward", [[both.tokenizer.begin_id, *before]]).top[-1]
    backward = both.runtime.read("backward", [[both.tokenizer.end_id, *after[::-1]]]).top[-1]
    by_hand = np.exp(both.runtime.log_probabilities(forward, backward)[0])
    for entry in everything:
        assert entry["score"] == pytest.approx(float(by_hand[entry["token"]]), rel=1e-4)


def test_top_k_is_five_unless_told_and_never_more_than_the_targets(both: LanguageModel) -> None:
    def lengths(*parameters: dict[str, Any] | None) -> list[int]:
        return [len(reply) for reply in answers(both, *({"inputs": TEXT, "parameters": one} for one in parameters))]

    words = ["he", "she", "Tom", "Mary", "Paul", "Anna", "him"]
    assert lengths({}, None, {"top_k": 2}, {"targets": ["he", "she"]}) == [5, 5, 2, 2]
    assert lengths({"targets": words}, {"targets": words, "top_k": 7}, {"targets": ["he", "he"]}) == [5, 7, 1]


def test_a_target_of_several_pieces_is_scored_whole(both: LanguageModel) -> None:
    (reply,) = answers(both, {"inputs": TEXT, "parameters": {"targets": ["leavings", "she"]}})
    result = both.cloze(TEXT, ["leavings", "she"])
    expected = {entry.target: entry for entry in result.blanks[0].predictions}
    assert len(expected["leavings"].pieces) > 1
    for entry in reply:
        prediction = expected[entry["token_str"]]
        assert entry["score"] == pytest.approx(math.exp(prediction.log_probability), rel=1e-5)
        assert both.tokenizer.pieces[entry["token"]] == prediction.pieces[0]


def test_a_target_where_a_sentence_begins_is_named_as_asked_and_filled_with_a_capital(both: LanguageModel) -> None:
    (reply,) = answers(both, {"inputs": "[MASK] was here.", "parameters": {"targets": ["he", "she"]}})
    for entry in reply:
        assert entry["token_str"] in {"he", "she"}
        assert entry["sequence"] == f"{entry['token_str'].capitalize()} was here."


def test_several_masks_give_a_list_each_and_keep_the_other_masks(both: LanguageModel) -> None:
    text = "Tom lost <mask> hat, so [MASK] went home."
    targets = {"targets": ["he", "his", "she", "her"], "top_k": 4}
    for reply in answers(both, {"inputs": text, "parameters": {}}, {"inputs": text, "parameters": targets}):
        assert len(reply) == 2
        for entry in reply[0]:
            assert entry["sequence"] == f"Tom lost {entry['token_str']} hat, so [MASK] went home."
        for entry in reply[1]:
            assert entry["sequence"] == f"Tom lost <mask> hat, so {entry['token_str']} went home."


def test_each_of_several_masks_is_scored_with_the_others_best_words(both: LanguageModel) -> None:
    text = "Tom lost [MASK] hat, so [MASK] went home."
    words = ("he", "his", "she", "her")
    (reply,) = answers(both, {"inputs": text, "parameters": {"targets": list(words)}})

    def scores(masked: str) -> dict[str, float]:
        result = both.answer([both.prepare(ClozeRequest(masked, (words,)))])[0]
        return {entry.filled: math.exp(entry.log_probability) for entry in result.blanks[0].predictions}

    first = scores("Tom lost ___ hat, so  went home.")
    second = scores("Tom lost  hat, so ___ went home.")
    expected = [
        scores(f"Tom lost ___ hat, so {max(second, key=second.__getitem__)} went home."),
        scores(f"Tom lost {max(first, key=first.__getitem__)} hat, so ___ went home."),
    ]
    for found, wanted in zip(reply, expected, strict=True):
        assert {entry["token_str"]: entry["score"] for entry in found} == pytest.approx(wanted, rel=1e-4)


def test_several_texts_give_a_list_of_answers_and_one_text_in_a_list_its_answer(both: LanguageModel) -> None:
    other, two = "Tom said that ___ was tired.", "[MASK] saw [MASK] here."
    alone, in_list, other_alone, two_alone, all_three = answers(
        both, {"inputs": TEXT}, {"inputs": [TEXT]}, {"inputs": other}, {"inputs": two}, {"inputs": [TEXT, other, two]}
    )
    assert alone == in_list
    for found, expected in zip(all_three, (alone, other_alone, two_alone), strict=True):
        assert str(found)[:60] == str(expected)[:60]
    assert [isinstance(reply[0], list) for reply in all_three] == [False, False, True]


def test_a_causal_model_is_asked_with_its_left_context(causal: LanguageModel) -> None:
    one, other = answers(causal, {"inputs": "Tom said [MASK] left."}, {"inputs": "Tom said [MASK] stayed at home."})
    assert [entry["token_str"] for entry in one] == [entry["token_str"] for entry in other]
    assert sum(entry["score"] for entry in one) < 1


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        ({"inputs": "no mask here", "parameters": {}}, 422, "no blank"),
        ({"inputs": [TEXT, "no mask here"]}, 422, "inputs[1]: the text has no blank"),
        ({"inputs": "[MASK][MASK]"}, 422, "no space between them"),
        ({"inputs": "[MASK] " * 5}, 422, "5 masks in one request; the limit is 4"),
        ({"inputs": [TEXT] * 5}, 422, "5 texts in one request; the limit is 4"),
        ({"inputs": TEXT, "parameters": {"targets": ["x" * 500]}}, 422, "pieces"),
        ({"inputs": 5}, 422, "inputs must be a string"),
        ({}, 422, "the field inputs is missing"),
        ([], 422, "the body must be an object"),
    ],
)
def test_refusals_have_hugging_faces_shape(both: LanguageModel, body: Any, status: int, sentence: str) -> None:
    found = refusal(both, body, max_texts=4)
    assert found[0] == status
    assert sentence in found[1]


def test_a_character_model_asks_for_targets(tmp_path_factory: pytest.TempPathFactory) -> None:
    letters = load(tiny_bundle(tmp_path_factory.mktemp("models") / "letters", kind="character"))
    assert "character network" in refusal(letters, {"inputs": TEXT})[1]
    (reply,) = answers(letters, {"inputs": TEXT, "parameters": {"targets": ["he", "she"]}})
    assert {entry["token_str"] for entry in reply} == {"he", "she"}
