"""Checkpoints: everything a run needs to go on as if it had never stopped.

One safetensors file: weights, optimiser, the streams' carried state, torch's random state; beside them, as JSON in
the file's header, the configuration, the position in the corpus and the counts. Written to a temporary file and
renamed, so that a crash or a full disk leaves the previous checkpoint whole; that one is kept beside the new one, so
that a damaged latest one can be gone on from. A SHA-256 over all of it tells damage. No pickle.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import save_file
from torch import Tensor

from training.errors import CheckpointError

logger = logging.getLogger(__name__)

FORMAT_VERSION = 2


@dataclass(frozen=True)
class Checkpoint:
    """Named tensors, and what can be written as JSON."""

    tensors: dict[str, Tensor]
    values: dict[str, Any]

    def group(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose name starts with `prefix`, without it."""
        return {name.removeprefix(prefix): value for name, value in self.tensors.items() if name.startswith(prefix)}


def previous_path(path: Path) -> Path:
    """Where the checkpoint before the one at `path` is kept: checkpoint.previous.safetensors."""
    return path.with_name(f"{path.stem}.previous{path.suffix}")


def has_checkpoint(path: Path) -> bool:
    """Whether there is something to resume from: the latest checkpoint, or the one before it."""
    return path.exists() or previous_path(path).exists()


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Writes beside and renames; what was at `path` becomes the previous one.

    Raises CheckpointError; the checkpoints that were there are then whole.
    """
    temporary = path.with_suffix(".tmp")
    values = json.dumps(checkpoint.values | {"format_version": FORMAT_VERSION})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.tensors.items()}
        save_file(tensors, temporary, metadata={"values": values, "sha256": _sha256(values, tensors)})
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        aside = _linked_aside(path) if path.exists() else None
        temporary.replace(path)
        if aside:
            aside.replace(previous_path(path))
    except (OSError, safetensors.SafetensorError) as error:
        temporary.unlink(missing_ok=True)
        _aside(path).unlink(missing_ok=True)
        raise CheckpointError(
            f"the checkpoint {path} cannot be written ({error}). The one before it is untouched; free some space or "
            "choose another folder, then go on with --resume."
        ) from error


def _aside(path: Path) -> Path:
    return previous_path(path).with_suffix(".tmp")


def _linked_aside(path: Path) -> Path | None:
    """A second name for the checkpoint at `path`, so that one stands at `path` at every moment; None where the file
    system has no such names: it is the previous one at once, and for a moment the only one.
    """
    aside = _aside(path)
    aside.unlink(missing_ok=True)
    try:
        aside.hardlink_to(path)
    except OSError:
        path.replace(previous_path(path))
        return None
    return aside


def _sha256(values: str, tensors: dict[str, Tensor]) -> str:
    """Of everything in a checkpoint, so that one flipped bit is noticed: safetensors checks the header alone."""
    digest = hashlib.sha256(values.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def load_checkpoint(path: Path) -> Checkpoint:
    """The checkpoint at `path`; where that is damaged or gone, the one before it, and a warning in the log.

    Raises CheckpointError when there is none, or none is whole, or it is of another version.
    """
    if not has_checkpoint(path):
        raise CheckpointError(f"there is no checkpoint {path} to resume from; train without --resume first.")
    previous = previous_path(path)
    try:
        return _load(path)
    except _DamagedError as error:
        try:
            checkpoint = _load(previous)
        except _DamagedError as other:
            raise CheckpointError(
                f"the checkpoint {path} is damaged ({error}), and the one before it, {previous.name}, cannot help "
                f"({other}); delete the run's folder and train again."
            ) from error
        logger.warning("the checkpoint %s is damaged (%s): going on from the one before it, %s", path, error, previous)
        return checkpoint


class _DamagedError(Exception):
    """A file is missing, or not what was written."""


def _load(path: Path) -> Checkpoint:
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            text = metadata.get("values", "null")
            values = json.loads(text)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except FileNotFoundError as error:
        raise _DamagedError("there is none") from error
    except (OSError, ValueError, safetensors.SafetensorError) as error:
        raise _DamagedError(str(error)) from error
    version = values.get("format_version") if isinstance(values, dict) else None
    if version != FORMAT_VERSION:
        raise CheckpointError(
            f"the checkpoint {path} has format version {version!r}; this program reads {FORMAT_VERSION}."
        )
    if metadata.get("sha256") != _sha256(text, tensors):
        raise _DamagedError("its content does not match its SHA-256")
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
