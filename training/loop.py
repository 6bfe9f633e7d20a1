"""The trainer: one step readable at a glance; around it validation, checkpoints and the way to stop."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from model.bundle import Bundle
from model.network import Network
from model.tokenizer import Tokenizer
from training.batches import Batches
from training.checkpoint import has_checkpoint, load_checkpoint, save_checkpoint
from training.config import TrainingConfig
from training.contrasts import ContrastTable
from training.distributed import World
from training.errors import DivergedError
from training.objective import HiddenStates, Objective
from training.optimisation import clip_gradients, learning_rate_factor, make_optimiser, warmup
from training.origin import origin_of
from training.parallel import Part
from training.places import PlaceFinder
from training.precision import Precision
from training.pronouns import Pairs
from training.recall import Recall
from training.resumption import check_same_run, checkpoint_of, not_finite, resume_from
from training.shards import TokenShards
from training.validation import Validation, ValidationResult

CHECKPOINT = "checkpoint.safetensors"
LOG_EVERY_STEPS = 20
VALIDATION_ROWS = 64
VALIDATION_BATCHES = 16

LOGGED = {
    "loss": "train_loss",
    "left": "train_left_nats",
    "both": "train_both_nats",
    "contrast_left": "train_contrast_left_nats",
    "contrast_both": "train_contrast_both_nats",
    "right_left": "train_right_left",
    "right_both": "train_right_both",
    "gradient_norm": "gradient_norm",
}
"""What of every step is logged, and what the mean over LOG_EVERY_STEPS is called in the history."""

Listener = Callable[["Trainer"], None]


class Trainer:
    """A network, a corpus, and where the training of one on the other stands."""

    def __init__(
        self,
        config: TrainingConfig,
        tokenizer: Tokenizer,
        tokens: TokenShards,
        held_out: TokenShards | None,
        pairs: Pairs,
        run_folder: Path,
        device: str = "cpu",
        twins: TokenShards | None = None,
        world: World | None = None,
    ) -> None:
        """`held_out`: validation text; None holds out the end of `tokens`. `twins`: the documents of
        the rows that stand beside their twin. `world`: the processes that train together.

        Raises TrainingConfigError when they are more than there are rows.
        """
        self.config, self.pairs, self.run_folder = config, pairs, run_folder
        self.world = World() if world is None else world
        self.identity: dict[str, Any] = {
            "tokenizer": hashlib.sha256(tokenizer.serialized).hexdigest(),
            "training texts": tokens.sha256,
            "validation texts": held_out.sha256 if held_out else None,
            "stories": twins.sha256 if twins else None,
            "parent bundle": None,
        }
        """What a checkpoint is bound to beside the settings: with anything else its places and weights mean nothing."""
        torch.manual_seed(config.seed)
        self.network = Network(config.network(tokenizer.vocabulary_size), config.dropout).to(device)
        self.optimiser = make_optimiser(self.network, config.learning_rate, config.weight_decay)
        self.part = Part(self.world, self.network, config)
        self.precision = Precision(config.precision, device)
        self.objective = Objective(self.network, tokenizer.continues, self.precision.products)
        contrasts = ContrastTable(pairs, tokenizer)
        bidirectional = config.direction == "bidirectional"

        def finder(share: float) -> PlaceFinder:
            return PlaceFinder(
                tokenizer,
                contrasts,
                bidirectional=bidirectional,
                least_right_context=config.least_right_context,
                language_model_share=share,
            )

        stop = len(tokens) if held_out else round(len(tokens) * (1 - config.validation_share))
        self.n_corpus_tokens = stop
        self.finder = finder(config.language_model_share if config.language_model_weight else 0.0)
        self.recall = Recall(tokenizer, contrasts, config.bptt_steps, config.recall_steps)
        self.batches = Batches(
            tokens,
            tokenizer,
            rows=config.rows,
            bptt_steps=config.bptt_steps,
            fragment_share=config.fragment_share,
            seed=config.seed,
            stop=stop,
            twins=twins,
            twin_share=config.twin_share,
        )
        held_out_batches = Batches(
            held_out or tokens,
            tokenizer,
            rows=VALIDATION_ROWS,
            bptt_steps=config.bptt_steps,
            fragment_share=1.0,
            seed=0,
            start=0 if held_out else stop,
        )
        self.validation = Validation(held_out_batches, finder(0.1), VALIDATION_BATCHES)
        self.carried = self.network.initial_state(len(self.world.own(self.batches.n_streams)))
        self.n_steps = self.n_tokens = 0
        self.elapsed_seconds = 0.0
        self.history: list[dict[str, Any]] = []
        self._recent: list[dict[str, float]] = []
        self.stop_requested = False
        self._agreed_to_stop = False
        self.saved_step = 0
        """Steps of the latest checkpoint."""

    def start_from(self, parent: Bundle) -> None:
        """Takes a bundle's weights as the first ones; it must have this network's sizes and tokenizer."""
        self.network.load_weights(parent.weights)
        self.identity["parent bundle"] = parent.sha256

    def step(self, learning_rate: float | None = None) -> None:
        """Reads one batch, and moves the weights a little. `learning_rate`: instead of the schedule's."""
        whole = self.batches.next()
        all_asked = self.finder.find(whole, np.random.default_rng([self.config.seed, 3, self.n_steps]))
        if self._is_recalling:
            random = np.random.default_rng([self.config.seed, 5, self.n_steps])
            all_asked = self.recall.added(all_asked, whole, self.n_steps, random)
        batch, asked = self.part.own(whole, all_asked, self.n_steps)
        self._set_learning_rate(learning_rate)

        with self.precision:
            states = HiddenStates(self.network, batch, self._forward_state(batch.fresh))
        language_model_weight, contrast_weight = self._language_model_weight, self._contrast_weight
        losses = self.objective.losses(states, asked, with_language_model=language_model_weight > 0)
        self.optimiser.zero_grad(set_to_none=True)
        losses = self.part.backward(losses, asked, all_asked, language_model_weight, contrast_weight)
        loss = losses.weighted(language_model_weight, contrast_weight)
        norm = clip_gradients(self.network.parameters(), self.config.gradient_clip)
        if not np.isfinite(norm) or not torch.isfinite(loss.detach()):
            origin = origin_of(self.batches, self.world.own(self.config.rows).tolist(), states)
            raise DivergedError(
                f"loss {float(loss.detach())}, gradient norm {norm} at step {self.n_steps} "
                f"(batch {self.batches.n_batches - 1}: {origin}): the weights were not changed. "
                f"{self._way_on()}"
            )
        self.optimiser.step()

        n_streams = len(self.carried[0][0])
        kind = self.network.projection_bias.dtype  # whatever the precision of the reading
        self.carried = [tuple(part[:n_streams].detach().to(kind) for part in layer) for layer in states.final_state]
        self.n_steps += 1
        self.n_tokens += whole.n_tokens
        terms = {name: float(term.detach()) for name, term in vars(losses).items() if term is not None}
        self._recent.append(terms | {"loss": float(loss.detach()), "gradient_norm": norm})

    def _way_on(self) -> str:
        """What to do when the loss is no longer a number."""
        smaller = f"a smaller --learning-rate than {self.config.learning_rate}"
        if not has_checkpoint(self.checkpoint_path):
            return f"No checkpoint was saved yet: train again with {smaller}."
        last = f"The last good checkpoint is {self.checkpoint_path}, of step {self.saved_step}"
        return f"{last}: give the same command with --resume and {smaller}."

    @property
    def latest_loss(self) -> float:
        """Of the step done last."""
        return self._recent[-1]["loss"]

    def _forward_state(self, fresh: np.ndarray) -> list[tuple[torch.Tensor, ...]]:
        """What the forward stacks start from: carried in the streams that go on, zeros everywhere else."""
        state = self.network.initial_state(len(fresh))
        keep = torch.from_numpy(~fresh[: len(self.carried[0][0])]).to(self.network.projection_bias.device)
        for layer, carried in zip(state, self.carried, strict=True):
            for part, old in zip(layer, carried, strict=True):
                part[: len(old)] = old * keep[:, None]
        return state

    def _set_learning_rate(self, rate: float | None) -> None:
        factor = learning_rate_factor(self.n_steps, self.config.warmup_steps, self.progress)
        for group in self.optimiser.param_groups:
            group["lr"] = self.config.learning_rate * factor if rate is None else rate

    @property
    def _is_recalling(self) -> bool:
        return self.n_steps < self.config.recall_steps

    @property
    def _language_model_weight(self) -> float:
        """What the next step gives the language model."""
        return 0.0 if self._is_recalling else self.config.language_model_weight

    @property
    def _contrast_weight(self) -> float:
        """What the next step gives the contrast."""
        return self.config.contrast_weight * warmup(self.n_steps, self.config.contrast_warmup_steps)

    @property
    def progress(self) -> float:
        """How far the run is, 0 to 1, by whichever of epochs, steps and minutes ends it."""
        if self.config.steps is not None:
            return self.n_steps / self.config.steps
        if self.config.minutes is not None:
            return self.elapsed_seconds / (60 * self.config.minutes)
        return self.n_tokens / (self.n_corpus_tokens * (self.config.epochs or 1.0))

    def run(self, listener: Listener) -> bool:
        """Steps until the end or until `stop_requested`; True when it got to the end. Saves either way."""
        self.network.train()
        last_saved = time.monotonic()
        while self.progress < 1 and not self._stops:
            started = time.monotonic()
            self.step()
            if self.n_steps % LOG_EVERY_STEPS == 0:
                self._log()
            if self.n_steps % self.config.validate_every_steps == 0 and self.world.leads:
                self.validate()
            self.elapsed_seconds += time.monotonic() - started
            is_due = time.monotonic() - last_saved > 60 * self.config.checkpoint_minutes
            self._agreed_to_stop, is_due, self.elapsed_seconds = self.world.agree(
                self.stop_requested, is_due, self.elapsed_seconds
            )
            if is_due:
                self.save()
                last_saved = time.monotonic()
            listener(self)
        finished = self.progress >= 1
        if self._recent:
            self._log()
        is_validated = any("valid_left_nats" in row and row["step"] == self.n_steps for row in self.history[-2:])
        if finished and self.world.leads and not is_validated:
            self.validate()
        self.save()
        return finished

    @property
    def _stops(self) -> bool:
        return self.stop_requested if self.world.size == 1 else self._agreed_to_stop

    def _log(self) -> None:
        row: dict[str, Any] = {
            "step": self.n_steps,
            "tokens": self.n_tokens,
            "elapsed_seconds": round(self.elapsed_seconds, 3),
            "learning_rate": self.optimiser.param_groups[0]["lr"],
        }
        for name, logged in LOGGED.items():
            values = [recent[name] for recent in self._recent if name in recent]
            row[logged] = sum(values) / len(values) if values else None
        self._recent = []
        self.history.append(row)

    def validate(self) -> ValidationResult:
        """Measures the held-out text and notes it in the history."""
        result = self.validation.measure(self.objective, language_model=self.config.language_model_weight > 0)
        row: dict[str, Any] = {"step": self.n_steps, "tokens": self.n_tokens}
        row["elapsed_seconds"] = round(self.elapsed_seconds, 3)
        self.history.append(row | result.to_json([pair.name for pair in self.pairs.pairs]))
        return result

    @property
    def checkpoint_path(self) -> Path:
        """Where the run's latest checkpoint stands."""
        return self.run_folder / CHECKPOINT

    def save(self) -> None:
        """Writes a checkpoint; the one before stays until the new one is whole, and beside it then. All processes call.

        Raises DivergedError, nothing written, when a weight or a state is no longer a finite number; CheckpointError.
        """
        n_streams = self.batches.n_streams
        carried = [tuple(self.world.gathered(part, n_streams) for part in layer) for layer in self.carried]
        if not self.world.leads:
            return
        checkpoint = checkpoint_of(self, carried)
        if lost := not_finite(checkpoint):
            raise DivergedError(
                f"{', '.join(lost[:3])} held no finite numbers any more after step {self.n_steps - 1}: this is not "
                f"saved. {self._way_on()}"
            )
        save_checkpoint(self.checkpoint_path, checkpoint)
        self.saved_step = self.n_steps

    def resume(self) -> None:
        """Goes on from the run's checkpoint. Raises CheckpointError when it was made with other settings."""
        checkpoint = load_checkpoint(self.checkpoint_path)
        check_same_run(self, checkpoint)
        resume_from(self, checkpoint)
        self.saved_step = self.n_steps
