"""Checkpoints: everything a run needs to go on as if it had never stopped.

One safetensors file: weights, optimiser, the streams' carried state, torch's random state; beside them, as JSON in
the file's header, the configuration, the position in the corpus and the counts. Written to a temporary file and
renamed, so that a crash or a full disk leaves the previous checkpoint whole. No pickle.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import save_file
from torch import Tensor

from training.errors import CheckpointError

FORMAT_VERSION = 1


@dataclass(frozen=True)
class Checkpoint:
    """Named tensors, and what can be written as JSON."""

    tensors: dict[str, Tensor]
    values: dict[str, Any]

    def group(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose name starts with `prefix`, without it."""
        return {name.removeprefix(prefix): value for name, value in self.tensors.items() if name.startswith(prefix)}


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Writes beside and renames. Raises CheckpointError; what was at `path` is then untouched."""
    temporary = path.with_suffix(".tmp")
    values = json.dumps(checkpoint.values | {"format_version": FORMAT_VERSION})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.tensors.items()}
        save_file(tensors, temporary, metadata={"values": values})
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except (OSError, safetensors.SafetensorError) as error:
        temporary.unlink(missing_ok=True)
        raise CheckpointError(
            f"the checkpoint {path} cannot be written ({error}). The one before it is untouched; free some space or "
            "choose another folder, then go on with --resume."
        ) from error


def load_checkpoint(path: Path) -> Checkpoint:
    """Raises CheckpointError when there is none, or it is damaged or of another version."""
    if not path.is_file():
        raise CheckpointError(f"there is no checkpoint {path} to resume from; train without --resume first.")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            values = json.loads((file.metadata() or {}).get("values", "null"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (OSError, ValueError, safetensors.SafetensorError) as error:
        raise CheckpointError(
            f"the checkpoint {path} is damaged ({error}); delete the run's folder and train again."
        ) from error
    version = values.get("format_version") if isinstance(values, dict) else None
    if version != FORMAT_VERSION:
        raise CheckpointError(
            f"the checkpoint {path} has format version {version!r}; this program reads {FORMAT_VERSION}."
        )
    return Checkpoint(tensors, values)


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's running averages as named tensors: `{parameter}.{average}`."""
    state = optimiser.state_dict()["state"]
    return {
        f"{number}.{name}": torch.as_tensor(value)
        for number, averages in state.items()
        for name, value in averages.items()
    }


def load_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Puts back what `optimiser_tensors` took; learning rates are set at every step anyway."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        number, _, average = name.partition(".")
        state.setdefault(int(number), {})[average] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
