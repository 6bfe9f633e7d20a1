"""The trainer's face of a network: the same structure and weights as model/structure.py, in torch's fused layers.

Imported by training only; the service never loads torch. Letters as in structure.py: B texts, T moments, L layers,
H units, E embedding, V pieces, N places asked. Time-major inside (T, B), as the fused layers like it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from model.cells import CELL_TYPES, Array
from model.config import NetworkConfig
from model.structure import weight_shapes

TorchState = list[tuple[Tensor, ...]]

FUSED = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
# The bundle's names of a layer's tensors and torch's. The gate order is the same (model/cells.py).
TORCH_NAMES = {
    "input_weight": "weight_ih_l0",
    "recurrent_weight": "weight_hh_l0",
    "input_bias": "bias_ih_l0",
    "recurrent_bias": "bias_hh_l0",
}


WIDER_INPUTS = {("lstm", "lowest"): 0.5, ("lstm", "above"): 0.25, ("rnn", "lowest"): 0.5}
"""Standard deviation of first input weights that are not uniform, by cell and layer."""
RNN_CONTRACTION = 0.9
"""All singular values of a plain RNN's first recurrence."""


class MemorylessLayer(nn.Module):
    """The mlp cell as a layer: tanh(W x + b) at every moment; its state is its output, which nothing reads."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.weight_ih_l0 = nn.Parameter(torch.empty(hidden_size, input_size))
        self.bias_ih_l0 = nn.Parameter(torch.empty(hidden_size))

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        h = torch.tanh(nn.functional.linear(x, self.weight_ih_l0, self.bias_ih_l0))  # (T, B, H)
        return h, h[-1:]


class Network(nn.Module):
    """time x layers x direction, to be trained. `dropout`: share of each layer's and the readout's inputs dropped."""

    def __init__(self, config: NetworkConfig, dropout: float = 0.0) -> None:
        super().__init__()
        self.config = config
        self.dropout = nn.Dropout(dropout)
        self.embedding = nn.Embedding(config.vocabulary_size, config.embedding_size)
        # By number, as in config.directions: a module's parts may not be called "forward".
        self.stacks = nn.ModuleList(
            nn.ModuleList([self._layer(layer) for layer in range(config.n_layers)]) for _ in config.directions
        )
        self.projections = nn.ModuleList(
            nn.Linear(config.hidden_size, config.embedding_size, bias=False) for _ in config.directions
        )
        self.projection_bias = nn.Parameter(torch.zeros(config.embedding_size))
        self.output_bias = nn.Parameter(torch.zeros(config.vocabulary_size))
        self.initialise()

    def _layer(self, layer: int) -> nn.Module:
        size, hidden = self.config.input_size(layer), self.config.hidden_size
        return MemorylessLayer(size, hidden) if self.config.cell == "mlp" else FUSED[self.config.cell](size, hidden)

    def _stack(self, direction: str) -> list[nn.Module]:
        """The layers of one direction, from the bottom up."""
        layers = self.stacks[self.config.directions.index(direction)]
        assert isinstance(layers, nn.ModuleList)
        return list(layers)

    def initialise(self) -> None:
        """Orthogonal recurrence (Saxe et al. 2014), forget gates open at 1 (Jozefowicz et al. 2015), uniform inputs.

        An LSTM's inputs are wider: its three gates stand at a half at first, so what a token writes is shown at an
        eighth, and with narrow inputs the contrast stays at chance for hundreds of steps (docs/experiments.md). A plain
        RNN keeps all that it ever read: its lowest inputs are wider and its recurrence is a contraction, so that
        what it just read stands out.
        """
        hidden = self.config.hidden_size
        nn.init.normal_(self.embedding.weight, std=self.config.embedding_size**-0.5)
        for name, parameter in self.stacks.named_parameters():
            place = "lowest" if name.split(".")[1] == "0" else "above"  # direction.layer.tensor
            if "weight_ih" in name and (self.config.cell, place) in WIDER_INPUTS:
                nn.init.normal_(parameter, std=WIDER_INPUTS[self.config.cell, place])
            elif "weight_ih" in name:
                nn.init.uniform_(parameter, -math.sqrt(1 / parameter.shape[1]), math.sqrt(1 / parameter.shape[1]))
            elif "weight_hh" in name:
                for gate in torch.split(parameter.data, hidden):
                    nn.init.orthogonal_(gate, gain=RNN_CONTRACTION if self.config.cell == "rnn" else 1.0)
            else:
                nn.init.zeros_(parameter)
                if self.config.cell == "lstm" and "bias_ih" in name:
                    parameter.data[hidden : 2 * hidden] = 1.0
        for projection in self.projections.parameters():
            nn.init.normal_(projection, std=hidden**-0.5)

    def read(self, direction: str, ids: Tensor, state: TorchState | None = None) -> tuple[list[Tensor], TorchState]:
        """Reads ids (T, B) in the direction's order -> hidden states of each layer (T, B, H), and the final state.

        Rows shorter than T are padded at the end of reading: what comes after a row's end never reaches what is
        before it, so the caller takes the moments it wants (and no final state of a padded row).
        """
        return self.read_vectors(direction, self.embedding(ids), state)

    def read_vectors(
        self, direction: str, x: Tensor, state: TorchState | None = None
    ) -> tuple[list[Tensor], TorchState]:
        """The same from the pieces' vectors x (T, B, E), so that one may ask how the answer changes with them."""
        hidden, final = [], []
        for number, layer in enumerate(self._stack(direction)):
            before = None if state is None else _to_torch(state[number])
            x, after = layer(self.dropout(x), before)
            hidden.append(x)
            final.append(_from_torch(after))
        return hidden, final

    def initial_state(self, batch: int) -> TorchState:
        """Zeros on the network's device: one state a layer, each part (B, H)."""
        parts = CELL_TYPES[self.config.cell].n_states
        zeros = self.projection_bias.new_zeros(batch, self.config.hidden_size)
        return [tuple(zeros.clone() for _ in range(parts)) for _ in range(self.config.n_layers)]

    def readout(self, forward: Tensor, backward: Tensor | None = None) -> Tensor:
        """Top hidden states before (and after) N places, each (N, H) -> the vector asked of the embedding, (N, E)."""
        r: Tensor = self.projections[0](self.dropout(forward)) + self.projection_bias
        if backward is not None:
            r = r + self.projections[1](self.dropout(backward))
        return r

    def log_probabilities(self, readout: Tensor) -> Tensor:
        """(N, E) -> (N, V), the whole vocabulary at once; the trainer's loss works in chunks instead."""
        logits = nn.functional.linear(readout, self.embedding.weight, self.output_bias)
        return torch.log_softmax(logits.float(), dim=-1)

    def named_weights(self) -> dict[str, nn.Parameter]:
        """The parameters by the names that a bundle uses (model/structure.py's `weight_shapes`), in its order."""
        parameters: dict[str, Any] = {
            "embedding": self.embedding.weight,
            "output.projection_bias": self.projection_bias,
            "output.bias": self.output_bias,
        }
        for index, direction in enumerate(self.config.directions):
            parameters[f"output.{direction}.weight"] = self.projections[index].weight
            for number, layer in enumerate(self._stack(direction)):
                for ours, theirs in TORCH_NAMES.items():
                    if hasattr(layer, theirs):
                        parameters[f"layer{number}.{direction}.{ours}"] = getattr(layer, theirs)
        return {name: parameters[name] for name in weight_shapes(self.config)}

    def weights(self) -> dict[str, Array]:
        """A copy of every tensor for the other faces, float32."""
        return {
            name: parameter.detach().to("cpu", torch.float32).numpy().copy()
            for name, parameter in self.named_weights().items()
        }

    def load_weights(self, weights: Mapping[str, Array]) -> None:
        """Takes over tensors by the bundle's names; shapes must be those of `weight_shapes`."""
        with torch.no_grad():
            for name, parameter in self.named_weights().items():
                parameter.copy_(torch.from_numpy(np.ascontiguousarray(weights[name])))


def _to_torch(state: tuple[Tensor, ...]) -> Tensor | tuple[Tensor, ...]:
    """(B, H) parts -> what a fused single layer takes: h, or (h, c), each (1, B, H)."""
    parts = tuple(part.unsqueeze(0) for part in state)
    return parts if len(parts) > 1 else parts[0]


def _from_torch(state: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    parts = state if isinstance(state, tuple) else (state,)
    return tuple(part.squeeze(0) for part in parts)
