"""The state that travels: goes on where it was left, and is refused when it is not what it was."""

from __future__ import annotations

import base64
import random

import numpy as np
import pytest

from model.belief_state import MAX_PENDING, MAX_PLACE, BeliefState, _checksum
from model.config import NetworkConfig
from model.errors import StateError
from model.language_model import LanguageModel
from tests.model.reference import language_model, loaded
from tests.tiny import tiny_config, tiny_weights

SHA256 = "5a" * 32
PAIR = ("he", "she")
CONFIG = NetworkConfig(2, "causal", 3, 2, 20, "lstm")


def state(**changed: object) -> BeliefState:
    values = np.random.default_rng(0).uniform(-1, 1, (2, 2, 1, 3)).astype(np.float32)
    fields: dict[str, object] = {
        "network": [tuple(layer) for layer in values],
        "place": 123_456_789_012,
        "skipped": 7,
        "started": True,
        "after_sentence": True,
        "pending": " t\u00ea\U0001f469\ud800",
    }
    return BeliefState(**(fields | changed))  # type: ignore[arg-type]


def read(text: str, sha256: str = SHA256, pair: tuple[str, str] = PAIR) -> BeliefState:
    return BeliefState.from_string(text, sha256, pair, CONFIG)


def forged(body: bytes) -> str:
    """What someone could send who computes the checksum too."""
    return base64.urlsafe_b64encode(body + _checksum(body)).rstrip(b"=").decode()


def body_of(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))[:-16]


def test_what_was_written_is_read_bit_for_bit() -> None:
    written = state()
    found = read(written.to_string(SHA256, PAIR))
    for field in ("place", "skipped", "started", "after_sentence", "pending"):
        assert getattr(found, field) == getattr(written, field)
    for mine, theirs in zip(found.network, written.network, strict=True):
        for a, b in zip(mine, theirs, strict=True):
            assert a.dtype == np.float32
            assert np.array_equal(a, b)


def test_a_hidden_state_that_float32_rounds_past_1_is_read() -> None:
    def with_hidden(largest: float) -> str:
        network = state().network
        network[0][0][0, 0] = largest
        return state(network=network).to_string(SHA256, PAIR)

    assert read(with_hidden(1.000001)).network[0][0][0, 0] == np.float32(1.000001)
    with pytest.raises(StateError, match="it holds what no state holds"):
        read(with_hidden(1.01))


def test_the_string_is_compact_and_fit_for_addresses() -> None:
    text = state(pending=" ").to_string(SHA256, PAIR)
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert len(text) == -(-(3 + 32 + 6 + 7 + 1 + 16 + 5 + 12 * 4 + 16) * 4 // 3)


def test_every_shortened_string_is_refused() -> None:
    text = state().to_string(SHA256, PAIR)
    for length in range(len(text)):
        with pytest.raises(StateError):
            read(text[:length])


def test_every_changed_character_is_refused() -> None:
    text = state().to_string(SHA256, PAIR)
    chance = random.Random(0)
    for place in range(len(text)):
        other = chance.choice([c for c in "AZaz09-_" if c != text[place]])
        with pytest.raises(StateError):
            read(text[:place] + other + text[place + 1 :])


@pytest.mark.parametrize("added", ["A", "AA", "AAAA", "=", "==", "\n", " ", "\u00e9", "."])
def test_whatever_is_added_is_refused(added: str) -> None:
    text = state().to_string(SHA256, PAIR)
    for changed in (text + added, added + text):
        with pytest.raises(StateError):
            read(changed)


def test_no_second_spelling_of_the_same_bytes_is_taken() -> None:
    text = next(t for n in range(3) if len(t := state(pending=" " * (n + 1)).to_string(SHA256, PAIR)) % 4)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twin = text[:-1] + alphabet[alphabet.index(text[-1]) + 1]  # bits that no byte holds
    assert base64.urlsafe_b64decode(twin + "==") == base64.urlsafe_b64decode(text + "==")
    with pytest.raises(StateError, match="damaged"):
        read(twin)


def test_another_model_another_pair_and_another_version_are_told_apart() -> None:
    text = state().to_string(SHA256, PAIR)
    with pytest.raises(StateError, match=r"another model \(5a5a5a5a5a5a"):
        read(text, sha256="0" * 64)
    for pair in (("she", "he"), ("He", "she"), ("he", "them")):
        with pytest.raises(StateError, match="belongs to the pair 'he', 'she'"):
            read(text, pair=pair)
    body = body_of(text)
    with pytest.raises(StateError, match="version is 2; this program reads 1"):
        read(forged(body[:2] + b"\x02" + body[3:]))


def test_a_state_of_another_size_is_refused_though_its_checksum_is_right() -> None:
    body = body_of(state().to_string(SHA256, PAIR))
    for changed in (body[:-4], body + b"\0\0\0\0", body[:35], body[:3]):
        with pytest.raises(StateError, match="damaged"):
            read(forged(changed))


@pytest.mark.parametrize(
    "changed",
    [
        {"place": MAX_PLACE + 1},
        {"skipped": MAX_PLACE},
        {"pending": "no whitespace first"},
        {"pending": ""},
        {"pending": " " * (MAX_PENDING + 1)},
        {"network": [(np.full((1, 3), np.nan, np.float32),) * 2] * 2},
        {"network": [(np.zeros((1, 3), np.float32), np.full((1, 3), np.inf, np.float32))] * 2},
        {"network": [(np.full((1, 3), 1.5, np.float32),) * 2] * 2},
        {"started": False},
    ],
)
def test_what_no_state_holds_is_refused_though_its_checksum_is_right(changed: dict[str, object]) -> None:
    with pytest.raises(StateError):
        read(state(**changed).to_string(SHA256, PAIR))


def test_a_length_that_promises_gigabytes_costs_nothing() -> None:
    body = bytearray(body_of(state().to_string(SHA256, PAIR)))
    body[35:39] = b"\xff\xff\xff\xff"  # the length of the first word
    with pytest.raises(StateError, match="ends too soon"):
        read(forged(bytes(body)))


def test_a_string_longer_than_any_state_is_refused_unread() -> None:
    with pytest.raises(StateError, match="more than any state"):
        read("A" * 10_000_000)


@pytest.mark.parametrize("value", ["", "A", "AAAA", "QUI", "QUIB", "not a state", "\ud800", "\0" * 40])
def test_what_was_never_a_state_is_refused(value: str) -> None:
    with pytest.raises(StateError):
        read(value)


@pytest.mark.parametrize("value", [b"QUIB", 3, ["QUIB"]])
def test_what_is_no_string_is_refused(value: object) -> None:
    with pytest.raises(StateError, match="expected the string"):
        read(value)  # type: ignore[arg-type]


def test_a_stream_refuses_the_state_of_another_cell_kind_or_pair() -> None:
    def other(cell: str, seed: int, sha256: str) -> LanguageModel:
        config = tiny_config(cell, "causal", "subword")
        model = loaded(cell, "causal", "subword", tiny_weights(config, seed))
        object.__setattr__(model.bundle, "sha256", sha256)
        return model

    model = language_model("lstm", "causal", "subword")
    first = model.belief("Mary was ti")
    assert model.belief("red", state=first.state).tokens
    for stranger in (other("lstm", 1, "1" * 64), other("gru", 0, "2" * 64), other("gru", 0, model.sha256)):
        with pytest.raises(StateError) as caught:
            stranger.belief("red", state=first.state)
        assert caught.value.param == "state"
    with pytest.raises(StateError, match="pair"):
        model.belief("red", ("her", "him"), state=first.state)
