"""Resuming: what a checkpoint of a trainer holds, which run may go on from it, and how.

Knows the trainer's parts; how a checkpoint is written and read stands in checkpoint.py.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import torch

from training.checkpoint import Checkpoint, load_optimiser, optimiser_tensors
from training.errors import CheckpointError

if TYPE_CHECKING:
    from training.loop import Trainer

MAY_CHANGE = {"epochs", "steps", "minutes", "checkpoint_minutes", "validate_every_steps", "learning_rate"}
"""Settings that a run may be resumed with other values of."""
RANDOM = "random."
COUNTS = ("n_steps", "n_tokens", "elapsed_seconds", "history")


def checkpoint_of(trainer: Trainer, carried: Sequence[tuple[torch.Tensor, ...]]) -> Checkpoint:
    """Everything that the run needs to go on. `carried`: the states of all processes' streams, a layer each."""
    tensors: dict[str, torch.Tensor] = {}
    tensors |= {f"network.{name}": value for name, value in trainer.network.named_weights().items()}
    tensors |= {f"optimiser.{name}": value for name, value in optimiser_tensors(trainer.optimiser).items()}
    for layer, parts in enumerate(carried):
        tensors |= {f"carried.{layer}.{number}": part for number, part in enumerate(parts)}
    tensors[f"{RANDOM}cpu"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors[f"{RANDOM}cuda"] = torch.cuda.get_rng_state()
    values = {
        "config": asdict(trainer.config),
        "identity": trainer.identity,
        "batches": trainer.batches.state_dict(),
        **{name: getattr(trainer, name) for name in COUNTS},
        "recent": trainer._recent,
    }
    return Checkpoint(tensors, values)


def not_finite(checkpoint: Checkpoint) -> list[str]:
    """Names of the weights and states that are no longer finite numbers."""
    measured = {name: value for name, value in checkpoint.tensors.items() if not name.startswith(RANDOM)}
    return [name for name, value in measured.items() if not value.isfinite().all()]


def check_same_run(trainer: Trainer, checkpoint: Checkpoint) -> None:
    """Raises CheckpointError when it was made with other settings, texts or a first bundle than the trainer's."""
    then, now = checkpoint.values["config"], json.loads(json.dumps(asdict(trainer.config)))
    if changed := sorted(name for name in now if now[name] != then.get(name) and name not in MAY_CHANGE):
        differences = ", ".join(f"{name} was {then.get(name)!r}, now {now[name]!r}" for name in changed)
        raise CheckpointError(f"{trainer.checkpoint_path} was made with other settings: {differences}.")
    saved = checkpoint.values["identity"]
    if others := [name for name, value in trainer.identity.items() if saved.get(name) != value]:
        raise CheckpointError(
            f"{trainer.checkpoint_path} was made with another {' and another '.join(others)} than now. "
            "Give the same texts as before, or another --out."
        )


def resume_from(trainer: Trainer, checkpoint: Checkpoint) -> None:
    """Puts the trainer, and torch's random numbers, where the checkpoint stood."""
    trainer.network.load_weights({name: t.numpy() for name, t in checkpoint.group("network.").items()})
    load_optimiser(trainer.optimiser, checkpoint.group("optimiser."))
    device = trainer.network.projection_bias.device
    own = torch.from_numpy(trainer.world.own(trainer.batches.n_streams))
    trainer.carried = [
        tuple(checkpoint.tensors[f"carried.{layer}.{part}"][own].to(device) for part in range(len(parts)))
        for layer, parts in enumerate(trainer.carried)
    ]
    trainer.batches.load_state_dict(checkpoint.values["batches"])
    for name in COUNTS:
        setattr(trainer, name, checkpoint.values[name])
    trainer._recent = checkpoint.values["recent"]
    torch.set_rng_state(checkpoint.tensors[f"{RANDOM}cpu"])
    if torch.cuda.is_available() and f"{RANDOM}cuda" in checkpoint.tensors:
        torch.cuda.set_rng_state(checkpoint.tensors[f"{RANDOM}cuda"])
