"""Edited networks in torch, float64, written apart from model/: the cells again, a layer at a time rather than a step.

`EditedReference` scores filled texts by the rules of tests/model/reference.py, whose states it replaces with its own.
An edit is (site, units, (first, last), "set" | "scale" | "freeze", number).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from model.cells import Array
from model.interventions import Intervention
from model.language_model import LanguageModel
from tests.model.reference import Reference

Edit = tuple[str, Sequence[int], tuple[int, int], str, float]


def asked(edits: Sequence[Edit]) -> tuple[Intervention, ...]:
    """The same edits as a request has them."""
    made = []
    for site, units, tokens, what, number in edits:
        option: dict[str, Any] = {what: True if what == "freeze" else number}
        made.append(Intervention(site, tuple(units), tokens, **option))
    return tuple(made)


class EditedReference(Reference):
    """Scores of filled texts by an edited network."""

    def __init__(self, model: LanguageModel, edits: Sequence[Edit]) -> None:
        super().__init__(model)
        self.config, self.edits = model.config, list(edits)
        self.weights = {name: torch.tensor(w, dtype=torch.float64) for name, w in model.bundle.weights.items()}
        self._rows: dict[str, dict[str, torch.Tensor]] = {}
        self._row_ids: list[int] = []

    def read(self, parts: Sequence[str], words: Sequence[str]) -> tuple[list[int], list[tuple[int, int]]]:
        ids, spans = super().read(parts, words)
        inner = {place for first, end in spans for place in range(first + 1, end)}
        tokens = [-1 + sum(q not in inner for q in range(place + 1)) for place in range(len(ids))]
        self._row_ids = list(ids)
        self._rows = {d: self.activations(d, ids, tokens) for d in self.config.directions}
        return ids, spans

    def log_probabilities(self, left: Sequence[int], right: Sequence[int] | None = None) -> Array:
        assert list(left) == self._row_ids[: len(left)]
        top = f"layer{self.config.n_layers - 1}"
        r = self.weights["output.projection_bias"]
        r = (
            r
            + self.weights["output.forward.weight"]
            @ self._rows["forward"][f"{top}.forward.hidden_state"][len(left) - 1]
        )
        if right is not None:
            assert list(right) == self._row_ids[len(self._row_ids) - len(right) :]
            backward = self._rows["backward"][f"{top}.backward.hidden_state"]  # in text order
            r = r + self.weights["output.backward.weight"] @ backward[len(self._row_ids) - len(right)]
        logits = self.weights["embedding"] @ r + self.weights["output.bias"]
        return torch.log_softmax(logits, 0).numpy()

    def activations(self, direction: str, ids: Sequence[int], tokens: Sequence[int]) -> dict[str, torch.Tensor]:
        """Every activation (T, H) by its site, in text order."""
        order = list(range(len(ids)))[:: 1 if direction == "forward" else -1]
        x = self.weights["embedding"][[ids[place] for place in order]]
        read_tokens = [tokens[place] for place in order]
        seen = {}
        for layer in range(self.config.n_layers):
            values = self._layer(f"layer{layer}.{direction}.", x, read_tokens)
            x = values["hidden_state"]
            for name, value in values.items():
                seen[f"layer{layer}.{direction}.{name}"] = value if direction == "forward" else value.flip(0)
        return seen

    def _layer(self, prefix: str, inputs: torch.Tensor, tokens: Sequence[int]) -> dict[str, torch.Tensor]:
        size, cell = self.config.hidden_size, self.config.cell
        own = {name.removeprefix(prefix): w for name, w in self.weights.items() if name.startswith(prefix)}
        h, c = torch.zeros(size, dtype=torch.float64), torch.zeros(size, dtype=torch.float64)
        seen: dict[str, list[torch.Tensor]] = {}

        def used(name: str, value: torch.Tensor, token: int) -> torch.Tensor:
            value = value.clone()
            for site, units, (first, last), what, number in self.edits:
                if site == prefix + name and first <= token <= last:
                    for unit in units:
                        if what == "set":
                            value[unit] = number
                        elif what == "scale":
                            value[unit] *= number
                        elif seen.get(name):
                            value[unit] = seen[name][-1][unit]
                        elif name in ("hidden_state", "cell_state"):
                            value[unit] = 0.0
            seen.setdefault(name, []).append(value)
            return value

        for x, token in zip(inputs, tokens, strict=True):
            from_x = own["input_weight"] @ x + own["input_bias"]
            from_h = own["recurrent_weight"] @ h + own["recurrent_bias"] if cell != "mlp" else torch.zeros(size)
            if cell in ("mlp", "rnn"):
                h = used("hidden_state", torch.tanh(from_x + from_h), token)
            elif cell == "gru":
                x_gates, h_gates = from_x.view(3, size), from_h.view(3, size)
                r = used("reset_gate", torch.sigmoid(x_gates[0] + h_gates[0]), token)
                z = used("update_gate", torch.sigmoid(x_gates[1] + h_gates[1]), token)
                n = used("candidate", torch.tanh(x_gates[2] + r * h_gates[2]), token)
                h = used("hidden_state", n + z * (h - n), token)
            else:
                gates = (from_x + from_h).view(4, size)
                i = used("input_gate", torch.sigmoid(gates[0]), token)
                f = used("forget_gate", torch.sigmoid(gates[1]), token)
                g = used("cell_candidate", torch.tanh(gates[2]), token)
                o = used("output_gate", torch.sigmoid(gates[3]), token)
                c = used("cell_state", c * f + g * i, token)
                h = used("hidden_state", torch.tanh(c) * o, token)
        return {name: torch.stack(values) for name, values in seen.items()}


def scores(
    model: LanguageModel, edits: Sequence[Edit], parts: Sequence[str], words: Sequence[str], **asked: Any
) -> float:
    """The score of one way to fill the blanks."""
    return float(np.float64(EditedReference(model, edits).score(parts, words, **asked)))
