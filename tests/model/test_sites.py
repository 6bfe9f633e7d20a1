"""The names of activations."""

from __future__ import annotations

import pytest

from model.config import NetworkConfig
from model.errors import SiteError
from model.sites import Site, all_sites, parse_site

CAUSAL_GRU = NetworkConfig(2, "causal", 3, 4, 10, "gru")


def test_every_activation_of_every_layer_and_direction_has_a_name() -> None:
    assert [str(site) for site in all_sites(CAUSAL_GRU)] == [
        "layer0.forward.reset_gate",
        "layer0.forward.update_gate",
        "layer0.forward.candidate",
        "layer0.forward.hidden_state",
        "layer1.forward.reset_gate",
        "layer1.forward.update_gate",
        "layer1.forward.candidate",
        "layer1.forward.hidden_state",
    ]


@pytest.mark.parametrize(
    ("cell", "activations"),
    [
        ("mlp", ["hidden_state"]),
        ("rnn", ["hidden_state"]),
        ("gru", ["reset_gate", "update_gate", "candidate", "hidden_state"]),
        ("lstm", ["input_gate", "forget_gate", "cell_candidate", "output_gate", "cell_state", "hidden_state"]),
    ],
)
def test_each_cell_has_its_own_activations_in_both_directions(cell: str, activations: list[str]) -> None:
    sites = all_sites(NetworkConfig(1, "bidirectional", 3, 4, 10, cell))
    assert sites == [Site(0, direction, name) for direction in ("forward", "backward") for name in activations]


def test_a_name_leads_back_to_its_site() -> None:
    for site in all_sites(CAUSAL_GRU):
        assert parse_site(str(site), CAUSAL_GRU) == site


@pytest.mark.parametrize(
    "name",
    [
        "layer2.forward.candidate",
        "layer0.backward.candidate",
        "layer0.forward.forget_gate",
        "layer00.forward.candidate",
        "",
    ],
)
def test_a_site_that_is_not_there_is_refused_with_what_is(name: str) -> None:
    with pytest.raises(SiteError, match="L from 0 to 1") as refused:
        parse_site(name, CAUSAL_GRU)
    assert "DIRECTION forward," in str(refused.value)
    assert "reset_gate, update_gate, candidate, hidden_state" in str(refused.value)
    assert refused.value.param == "trace"
