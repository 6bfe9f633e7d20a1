"""What a network is made of: checked, and the same after a journey through JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from model.config import CELLS, NetworkConfig
from model.errors import ConfigError

GOOD = NetworkConfig(2, "bidirectional", 384, 256, 8192, "gru")


def test_a_config_survives_json() -> None:
    assert NetworkConfig.from_json(json.loads(json.dumps(GOOD.to_json()))) == GOOD


def test_a_causal_network_has_one_stack_and_a_bidirectional_one_two() -> None:
    assert GOOD.directions == ("forward", "backward")
    assert replace(GOOD, direction="causal").directions == ("forward",)


def test_the_bottom_layer_reads_the_embedding_and_the_others_the_layer_below() -> None:
    assert [GOOD.input_size(layer) for layer in range(3)] == [256, 384, 384]


@pytest.mark.parametrize("n_layers", [1, 8])
@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_may_have_one_to_eight_layers(cell: str, n_layers: int) -> None:
    assert replace(GOOD, cell=cell, n_layers=n_layers).n_layers == n_layers


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("cell", "LSTM", "cell is 'LSTM'; expected one of mlp, rnn, gru, lstm"),
        ("direction", "both", "direction is 'both'; expected one of causal, bidirectional"),
        ("n_layers", 9, "n_layers is 9; expected a whole number from 1 to 8"),
        ("n_layers", 0, "n_layers is 0"),
        ("hidden_size", 0, "hidden_size is 0; expected a whole number from 1"),
        ("hidden_size", True, "hidden_size is True"),
        ("embedding_size", 1.5, "embedding_size is 1.5"),
        ("vocabulary_size", 4, "vocabulary_size is 4; expected a whole number from 5"),
        ("vocabulary_size", "9", "vocabulary_size is '9'"),
    ],
)
def test_an_impossible_value_is_refused_with_what_was_expected(field: str, value: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        NetworkConfig.from_json(GOOD.to_json() | {field: value})


def test_missing_and_unknown_fields_are_refused_by_name() -> None:
    values = GOOD.to_json()
    with pytest.raises(ConfigError, match=r"has the fields n_layers, direction, .* got .*dropout"):
        NetworkConfig.from_json(values | {"dropout": 0.1})
    del values["cell"]
    with pytest.raises(ConfigError, match="has the fields"):
        NetworkConfig.from_json(values)
    with pytest.raises(ConfigError, match="got list"):
        NetworkConfig.from_json([])  # type: ignore[arg-type]
