"""The loop a user would otherwise write, to compare the trainer with: torch's fused layers, the whole softmax, float32.

After torch's own example word_language_model. Knows nothing of chunks, shares of places and low precision.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.network import FUSED, Network
from model.tokenizer import BEGIN_ID
from training.batches import Batch
from training.config import TrainingConfig
from training.optimisation import make_optimiser


class PlainLoop(nn.Module):
    """Embedding, fused layers, tied output, SGD."""

    def __init__(self, config: TrainingConfig, vocabulary_size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, config.hidden)
        self.recurrent = FUSED[config.cell](config.hidden, config.hidden, config.layers)
        self.bias = nn.Parameter(torch.zeros(vocabulary_size))
        self.clip = config.gradient_clip

    def forward(self, ids: Tensor) -> Tensor:
        """(T, B) ids -> (T, B, V) log-probabilities of the next."""
        hidden, _ = self.recurrent(self.embedding(ids))
        return F.log_softmax(hidden @ self.embedding.weight.t() + self.bias, dim=-1)

    def stepper(self, ids: Tensor) -> Callable[[], None]:
        """A function that makes one step on ids (T + 1, B)."""
        optimiser = torch.optim.SGD(self.parameters(), lr=0.1)

        def step() -> None:
            optimiser.zero_grad()
            loss: Tensor = F.nll_loss(self(ids[:-1]).flatten(0, 1), ids[1:].flatten())
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.parameters(), self.clip)
            optimiser.step()

        return step


class PlainTwin(nn.Module):
    """A causal network's twin with the same weights, trained the plain way on the same batches, by the same optimiser.

    Its states are carried from window to window as the trainer carries them.
    """

    def __init__(self, network: Network, config: TrainingConfig) -> None:
        super().__init__()
        shape = network.config
        self.embedding = nn.Embedding(shape.vocabulary_size, shape.embedding_size)
        self.recurrent = FUSED[shape.cell](shape.embedding_size, shape.hidden_size, shape.n_layers)
        self.projection = nn.Linear(shape.hidden_size, shape.embedding_size)
        self.bias = nn.Parameter(torch.zeros(shape.vocabulary_size))
        self.clip = config.gradient_clip
        weights = network.named_weights()
        mine: dict[str, Tensor] = {
            "embedding": self.embedding.weight,
            "output.projection_bias": self.projection.bias,
            "output.forward.weight": self.projection.weight,
            "output.bias": self.bias,
        }
        ours = {"weight_ih": "input_weight", "weight_hh": "recurrent_weight"}
        ours |= {"bias_ih": "input_bias", "bias_hh": "recurrent_bias"}
        for layer in range(shape.n_layers):
            for theirs, name in ours.items():
                mine[f"layer{layer}.forward.{name}"] = getattr(self.recurrent, f"{theirs}_l{layer}")
        with torch.no_grad():
            for name, weight in weights.items():
                mine[name].copy_(weight)
        self.optimiser = make_optimiser(self, config.learning_rate, config.weight_decay)
        self.state: tuple[Tensor, ...] = ()

    def step(self, batch: Batch, learning_rate: float) -> float:
        """One step on a batch of streams alone; returns the mean nats of all its pieces but <s>."""
        ids = torch.from_numpy(batch.ids.T.copy())  # (T, B)
        goes_on = torch.from_numpy(~batch.fresh).float()[:, None]  # (B, 1)
        if not self.state:
            self.state = self._parts(self.recurrent(self.embedding(ids[:1]))[1])
        state = tuple(part.detach() * goes_on for part in self.state)
        hidden, after = self.recurrent(self.embedding(ids), state if len(state) > 1 else state[0])
        self.state = self._parts(after)
        before = torch.cat([state[0][-1:], hidden[:-1]])  # (T, B, H): what each piece is predicted from
        logits = F.linear(self.projection(before), self.embedding.weight, self.bias)
        real = torch.arange(len(ids))[:, None] < torch.from_numpy(batch.lengths)
        predicted = real & (ids != ids.new_tensor(BEGIN_ID))
        loss = F.nll_loss(F.log_softmax(logits, dim=-1)[predicted], ids[predicted])
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.parameters(), self.clip)
        self.optimiser.step()
        return float(loss.detach())

    @staticmethod
    def _parts(state: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return state if isinstance(state, tuple) else (state,)
