"""The server's face of a network: a bundle's weights as ONNX graphs, built in code at load.

One graph a stack (a stack reads its ids in its own order, so a backward stack is the same graph with other weights)
and one for the readout. Knows nothing of running them (runtime.py). Letters as in structure.py, time-major (T, B).

ONNX orders gates differently from the rest of the project (model/cells.py): LSTM i o f g, GRU z r n.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from model.cells import Array
from model.config import NetworkConfig

OPSET = 17
IR_VERSION = 9
OPERATOR = {"rnn": "RNN", "gru": "GRU", "lstm": "LSTM"}
ONNX_GATES = {"rnn": (0,), "gru": (1, 0, 2), "lstm": (0, 3, 1, 2)}
"""Where in our rows each of ONNX's gates stands."""


def stack_graph(config: NetworkConfig, weights: Mapping[str, Array], direction: str) -> onnx.ModelProto:
    """Reads ids through one stack.

    in:  ids (T, B) int64, lengths (B,) int32; initial_hidden{l} and, for an LSTM, initial_cell{l} (1, B, H) float32
    out: hidden{l} (T, B, H); final_hidden{l} and, for an LSTM, final_cell{l} (1, B, H), each at its row's end
    A memoryless stack (mlp) has neither lengths nor states.
    """
    recurrent = config.cell != "mlp"
    nodes = [helper.make_node("Gather", ["embedding", "ids"], ["x0"], axis=0)]
    tensors = [_tensor("embedding", weights["embedding"])]
    inputs = [helper.make_tensor_value_info("ids", TensorProto.INT64, ["T", "B"])]
    if recurrent:
        inputs.append(helper.make_tensor_value_info("lengths", TensorProto.INT32, ["B"]))
        tensors.append(numpy_helper.from_array(np.array([1], dtype=np.int64), "axis1"))
    outputs = []
    for layer in range(config.n_layers):
        prefix = f"layer{layer}.{direction}."
        layer_weights = {name.removeprefix(prefix): w for name, w in weights.items() if name.startswith(prefix)}
        hidden = f"hidden{layer}"
        if recurrent:
            nodes += _recurrent_layer(config, layer, hidden)
            tensors += _recurrent_tensors(config.cell, layer, layer_weights)
            states = ["hidden", "cell"] if config.cell == "lstm" else ["hidden"]
            for state in states:
                inputs.append(_floats(f"initial_{state}{layer}", [1, "B", config.hidden_size]))
                outputs.append(_floats(f"final_{state}{layer}", [1, "B", config.hidden_size]))
        else:
            nodes += [
                helper.make_node("MatMul", [f"x{layer}", f"W{layer}"], [f"product{layer}"]),
                helper.make_node("Add", [f"product{layer}", f"b{layer}"], [f"sum{layer}"]),
                helper.make_node("Tanh", [f"sum{layer}"], [hidden]),
            ]
            tensors += [_tensor(f"W{layer}", layer_weights["input_weight"].T)]
            tensors += [_tensor(f"b{layer}", layer_weights["input_bias"])]
        nodes.append(helper.make_node("Identity", [hidden], [f"x{layer + 1}"]))
        outputs.append(_floats(hidden, ["T", "B", config.hidden_size]))
    return _graph(f"{direction}_stack", nodes, inputs, outputs, tensors)


def readout_graph(config: NetworkConfig, weights: Mapping[str, Array]) -> onnx.ModelProto:
    """Top hidden states before and after N places -> log-probabilities of the piece there.

    in: forward (N, H) and, bidirectional, backward (N, H), zeros where only the left side counts; out: (N, V)
    """
    inputs = [_floats("forward", ["N", config.hidden_size])]
    nodes = [
        helper.make_node("MatMul", ["forward", "forward_projection"], ["from_forward"]),
        helper.make_node("Add", ["from_forward", "projection_bias"], ["r_forward"]),
    ]
    tensors = [
        _tensor("forward_projection", weights["output.forward.weight"].T),
        _tensor("projection_bias", weights["output.projection_bias"]),
        _tensor("embedding", weights["embedding"]),
        _tensor("bias", weights["output.bias"]),
    ]
    r = "r_forward"
    if "backward" in config.directions:
        inputs.append(_floats("backward", ["N", config.hidden_size]))
        tensors.append(_tensor("backward_projection", weights["output.backward.weight"].T))
        nodes += [
            helper.make_node("MatMul", ["backward", "backward_projection"], ["from_backward"]),
            helper.make_node("Add", ["r_forward", "from_backward"], ["r_both"]),
        ]
        r = "r_both"
    nodes += [
        helper.make_node("Gemm", [r, "embedding", "bias"], ["logits"], transB=1),
        helper.make_node("LogSoftmax", ["logits"], ["log_probabilities"], axis=-1),
    ]
    outputs = [_floats("log_probabilities", ["N", config.vocabulary_size])]
    return _graph("readout", nodes, inputs, outputs, tensors)


def _recurrent_layer(config: NetworkConfig, layer: int, hidden: str) -> list[onnx.NodeProto]:
    states = ["hidden", "cell"] if config.cell == "lstm" else ["hidden"]
    options: dict[str, Any] = {"linear_before_reset": 1} if config.cell == "gru" else {}
    node = helper.make_node(
        OPERATOR[config.cell],
        [f"x{layer}", f"W{layer}", f"R{layer}", f"B{layer}", "lengths", *(f"initial_{s}{layer}" for s in states)],
        [f"Y{layer}", *(f"final_{s}{layer}" for s in states)],
        hidden_size=config.hidden_size,
        **options,
    )
    return [node, helper.make_node("Squeeze", [f"Y{layer}", "axis1"], [hidden])]  # (T, 1, B, H) -> (T, B, H)


def _recurrent_tensors(cell: str, layer: int, weights: Mapping[str, Array]) -> list[onnx.TensorProto]:
    """ONNX's W (1, G*H, I), R (1, G*H, H), B (1, 2*G*H), gates in ONNX's order."""

    def ordered(rows: Array) -> Array:
        gates = np.split(rows, len(ONNX_GATES[cell]))
        return np.concatenate([gates[gate] for gate in ONNX_GATES[cell]])

    bias = np.concatenate([ordered(weights["input_bias"]), ordered(weights["recurrent_bias"])])
    return [
        _tensor(f"W{layer}", ordered(weights["input_weight"])[None]),
        _tensor(f"R{layer}", ordered(weights["recurrent_weight"])[None]),
        _tensor(f"B{layer}", bias[None]),
    ]


def _tensor(name: str, values: Array) -> onnx.TensorProto:
    return numpy_helper.from_array(np.ascontiguousarray(values, dtype=np.float32), name)


def _floats(name: str, shape: Sequence[int | str]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _graph(
    name: str,
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    outputs: list[onnx.ValueInfoProto],
    tensors: list[onnx.TensorProto],
) -> onnx.ModelProto:
    graph = helper.make_graph(nodes, name, inputs, outputs, tensors)
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="anaphora"
    )
