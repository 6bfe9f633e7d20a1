"""What is learnt: language modelling, and a contrast at pronouns.

    loss = w_lm * (CE_left + CE_both) + w_contrast * (C_left + C_both)

CE_left is the forward half's next-piece cross-entropy, CE_both that of a blanked word given both sides; a causal
network has only the left terms. C is the choice between the right pronoun and its counterpart (he/she, him/her ...),
and its rivals where it has some (itself, themselves), at the first piece where they differ: log(1 + sum exp(-margin)),
no vocabulary-sized product needed. The
cross-entropies (cross_entropy.py) are estimated on a random share of the places.

Letters as in model/network.py: B rows, T moments, N places, E embedding, V pieces.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from model.network import Network, TorchState
from training.batches import Batch
from training.cross_entropy import tied_cross_entropy
from training.places import Asked, Places


@dataclass(frozen=True)
class Losses:
    """Mean nats of each term, as scalars on the network's device; None where nothing was asked."""

    left: Tensor | None
    both: Tensor | None
    contrast_left: Tensor | None
    contrast_both: Tensor | None
    right_left: Tensor | None = None
    """Share of the pronouns that are preferred to their counterparts, ties one half: to be shown, not minimised."""
    right_both: Tensor | None = None

    def scaled(self, own: dict[str, int], whole: dict[str, int]) -> Losses:
        """Means over `own` places of each term as their part of the mean over the `whole` batch's places."""
        return Losses(
            **{name: None if term is None else term * (own[name] / whole[name]) for name, term in vars(self).items()}
        )

    def weighted(self, language_model_weight: float, contrast_weight: float) -> Tensor:
        """The loss that is minimised: the sum of the terms, each times its weight; 0 where the batch asks nothing."""
        terms = [
            (language_model_weight, self.left),
            (language_model_weight, self.both),
            (contrast_weight, self.contrast_left),
            (contrast_weight, self.contrast_both),
        ]
        present = [weight * term for weight, term in terms if term is not None and weight > 0]
        return torch.stack(present).sum() if present else torch.zeros(())  # no place drawn and no pronoun in it


def _share_right(margins: Tensor) -> Tensor:
    """Of (N, 1 + R) log-odds the share in which the counterpart loses, whatever becomes of rivals."""
    return (margins[:, 0].detach().sign() + 1).mean() / 2


class HiddenStates:
    """The top hidden states of one batch, by place."""

    def __init__(self, network: Network, batch: Batch, state: TorchState) -> None:
        """Reads the batch. `state`: the forward state that the streams carry, each part (B, H); zeros where fresh."""
        device = network.projection_bias.device
        ids = torch.from_numpy(batch.ids.T.copy()).to(device)  # (T, B)
        hidden, self.final_state = network.read("forward", ids, state)
        # Before place t stands the state after token t - 1; before place 0 the carried one.
        top = hidden[-1].to(state[-1][0].dtype)  # whatever the precision of the reading
        self.before = torch.cat([state[-1][0].unsqueeze(0), top[:-1]])  # (T, B, H)
        self.after: Tensor | None = None
        if "backward" in network.config.directions:
            reversed_ids = torch.from_numpy(from_the_end(batch.ids, batch.lengths).T.copy()).to(device)
            hidden, _ = network.read("backward", reversed_ids)
            top = hidden[-1].to(state[-1][0].dtype)
            self.after = torch.cat([torch.zeros_like(top[:1]), top])  # [k]: after reading k tokens from the end
            self.lengths = torch.from_numpy(batch.lengths).to(device)

    def forward_at(self, places: Places) -> Tensor:
        """(N, H): the forward state before each place."""
        return self.before[_index(places.time, self.before), _index(places.row, self.before)]

    def backward_at(self, places: Places) -> Tensor:
        """(N, H): the backward state from after the word of each place."""
        assert self.after is not None
        row = _index(places.row, self.after)
        return self.after[self.lengths[row] - _index(places.after, self.after), row]


def _choice_nats(margins: Tensor) -> Tensor:
    """(N, K) log-odds of the right one against each other one -> (N,) -log of its probability among them all."""
    return torch.logsumexp(F.pad(-margins, (1, 0)), dim=1)


def from_the_end(ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Each row of ids (B, T) in the order in which a backward stack reads it; padding stays at the end."""
    times = np.arange(ids.shape[1])
    back = np.where(times < lengths[:, None], lengths[:, None] - 1 - times, times)
    return np.take_along_axis(ids, back, axis=1)


def _index(values: np.ndarray, like: Tensor) -> Tensor:
    return torch.from_numpy(values).to(like.device)


class Objective:
    """Losses of a batch, from the places asked of it."""

    def __init__(self, network: Network, continues: np.ndarray, products: torch.dtype | None = None) -> None:
        """`continues`: (V,) the pieces that would go on with a word. `products`: the precision of the output layer's
        products while the network trains; None: of its weights, as it is when measured."""
        self.network, self.products = network, products
        device = network.projection_bias.device
        self.ending = torch.from_numpy(~continues).to(device, torch.float32)

    def losses(self, states: HiddenStates, asked: Asked, *, with_language_model: bool = True) -> Losses:
        """The four terms of one batch that has been read."""
        both_sides = states.after is not None
        left = both = None
        if with_language_model:
            left = self._cross_entropy(states, asked.left, asked.left_target, both_sides=False)
            if both_sides:
                both = self._cross_entropy(states, asked.both, asked.both_target, both_sides=True)
        contrast_left = contrast_both = right_left = right_both = None
        if len(asked.contrast):
            margins_left, margins_both = self._all_margins(states, asked)
            contrast_left, right_left = _choice_nats(margins_left).mean(), _share_right(margins_left)
            if margins_both is not None and asked.contrast_seen.any():
                margins_both = margins_both[_index(asked.contrast_seen, margins_both)]
                contrast_both, right_both = _choice_nats(margins_both).mean(), _share_right(margins_both)
        return Losses(left, both, contrast_left, contrast_both, right_left, right_both)

    def margins(self, states: HiddenStates, asked: Asked) -> tuple[Tensor, Tensor | None]:
        """(N,) log-odds of the right pronoun against its counterpart, from the left alone and from both sides."""
        left, both = self._all_margins(states, asked)
        return left[:, 0], None if both is None else both[:, 0]

    def _all_margins(self, states: HiddenStates, asked: Asked) -> tuple[Tensor, Tensor | None]:
        """(N, 1 + R) log-odds of the right pronoun against its counterpart and each rival; infinite where none is."""
        forward = states.forward_at(asked.contrast)
        weights, bias = self.network.embedding.weight, self.network.output_bias
        right = _index(asked.contrast_right, bias)[:, None]  # (N, 1)
        wrong = _index(np.column_stack([asked.contrast_wrong, asked.contrast_rivals]), bias)  # (N, 1 + R)
        absent, wrong = wrong < 0, wrong.clamp(min=0)
        direction = F.embedding(right, weights) - F.embedding(wrong, weights)  # (N, 1 + R, E)
        offset = bias[right] - bias[wrong]

        def against(r: Tensor) -> Tensor:
            margins: Tensor = (direction @ r.unsqueeze(2)).squeeze(2) + offset
            return margins.masked_fill(absent, torch.inf)

        left = against(self.network.readout(forward))
        if states.after is None:
            return left, None
        return left, against(self.network.readout(forward, states.backward_at(asked.contrast)))

    def _cross_entropy(
        self, states: HiddenStates, places: Places, target: np.ndarray, *, both_sides: bool
    ) -> Tensor | None:
        if not len(places):
            return None
        backward = states.backward_at(places) if both_sides else None
        r = self.network.readout(states.forward_at(places), backward)
        return tied_cross_entropy(
            r,
            self.network.embedding.weight,
            self.network.output_bias,
            _index(target, r),
            self.ending,
            self.products if self.network.training else None,
        )
