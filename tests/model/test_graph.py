"""The server's graphs: valid, self-contained, and with every gate where ONNX expects it."""

from __future__ import annotations

import itertools

import numpy as np
import onnx
import pytest

from model import graph as graph_module
from model.cells import CELL_TYPES
from model.graph import ONNX_GATES, readout_graph, stack_graph
from model.runtime import Runtime
from model.structure import RecurrentNetwork
from tests.tiny import tiny_config, tiny_weights

IDS = [2, 9, 30, 31, 3]


@pytest.mark.parametrize("direction", ["causal", "bidirectional"])
@pytest.mark.parametrize("cell", CELL_TYPES)
def test_the_graphs_are_valid_onnx_and_refer_to_nothing_outside(cell: str, direction: str) -> None:
    config = tiny_config(cell, direction)
    weights = tiny_weights(config)
    graphs = [stack_graph(config, weights, d) for d in config.directions] + [readout_graph(config, weights)]
    for one in graphs:
        onnx.checker.check_model(one, full_check=True)
        assert all(tensor.data_location == onnx.TensorProto.DEFAULT for tensor in one.graph.initializer)
        assert {node.domain for node in one.graph.node} == {""}, "standard operators only"


def test_the_same_weights_make_the_same_graph() -> None:
    config = tiny_config()
    weights = tiny_weights(config)
    bytes_of = [stack_graph(config, weights, "forward").SerializeToString(deterministic=True) for _ in range(2)]
    assert bytes_of[0] == bytes_of[1]


@pytest.mark.parametrize(
    ("cell", "order"),
    [
        (cell, order)
        for cell, right in ONNX_GATES.items()
        for order in itertools.permutations(range(len(right)))
        if order != right
    ],
)
def test_two_gates_exchanged_would_be_noticed(
    cell: str, order: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The comparison that test_runtime.py makes fails by far for every wrong order of the gates."""
    config = tiny_config(cell, "causal", n_layers=1)
    weights = tiny_weights(config)
    right, _ = RecurrentNetwork(config, weights).read("forward", np.array([IDS]))
    monkeypatch.setattr(graph_module, "ONNX_GATES", ONNX_GATES | {cell: order})
    wrong = Runtime(config, weights).read("forward", [IDS]).top[:, 0]
    assert np.abs(wrong - right[0, 0]).max() > 0.05
