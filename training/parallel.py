"""One process's part of each step, where several train together; all of it where one trains alone.

The batch of a step and what is asked of it are the same in every process; each takes its rows. The loss is a mean over
the whole batch's places, so each process's means count by its share of them, and the gradients are summed.
"""

from __future__ import annotations

import numpy as np
import torch

from model.network import Network
from training.batches import Batch
from training.config import TrainingConfig
from training.distributed import World
from training.errors import TrainingConfigError
from training.objective import Losses
from training.places import Asked


class Part:
    """The rows of one process, and its gradients among those of all."""

    def __init__(self, world: World, network: Network, config: TrainingConfig) -> None:
        """Raises TrainingConfigError when there are more processes than rows."""
        self.world, self.network, self.config = world, network, config
        if config.rows < world.size:
            raise TrainingConfigError(
                f"rows = {config.rows} cannot be split among {world.size} processes; give more rows."
            )

    def own(self, whole: Batch, asked: Asked, n_steps: int) -> tuple[Batch, Asked]:
        """This process's rows of a batch, and what is asked of them.

        Of several processes each has its own dropout at each step, which follows from the seed, so that a run that is
        resumed by as many goes on exactly.
        """
        if self.world.size == 1:
            return whole, asked
        key = np.random.SeedSequence([self.config.seed, 4, n_steps, self.world.rank])
        torch.manual_seed(int(key.generate_state(1, np.uint64)[0] >> 1))
        rows = self.world.own(len(whole.ids))
        return whole.of_rows(rows), asked.of_rows(rows)

    def backward(
        self, losses: Losses, asked: Asked, all_asked: Asked, language_model_weight: float, contrast_weight: float
    ) -> Losses:
        """Makes the gradients, of all processes together; returns the losses of the whole batch.

        The weights are those of this step.
        """
        alone = self.world.size == 1
        own = losses if alone else losses.scaled(asked.counts, all_asked.counts)
        loss = own.weighted(language_model_weight, contrast_weight)
        if loss.requires_grad:  # a batch may hold nothing to learn from
            loss.backward()  # type: ignore[no-untyped-call]
        if alone:
            return losses
        nothing = self.network.projection_bias.new_zeros(())
        parts = torch.stack([nothing if term is None else term.detach() for term in vars(own).values()])
        summed = self.world.sum_gradients(list(self.network.parameters()), parts)
        n_asked = all_asked.counts
        if language_model_weight == 0:
            n_asked |= {"left": 0, "both": 0}
        if self.config.direction == "causal":
            n_asked |= {"contrast_both": 0, "right_both": 0}
        return Losses(*(sum_ if n_asked[name] else None for name, sum_ in zip(vars(own), summed, strict=True)))
