"""What each process that tests/training/test_distributed.py starts with torchrun does: the tests' runs, in turn.

`torchrun ... distributed_worker.py FOLDER`: reads FOLDER/from-one (a checkpoint that one process made), writes the
checkpoints of its own runs beside it and what went wrong to FOLDER/errors.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch

from tests.tiny import SENTENCES, tiny_shards, tiny_tokenizer
from training import loop
from training.config import TrainingConfig
from training.distributed import World, joined
from training.errors import TrainingError
from training.loop import Trainer
from training.pronouns import load_pairs

STEPS = 6
VALIDATION = (4, 1)
"""Rows and batches."""
SETTINGS: dict[str, Any] = {
    "tokenizer": "word",
    "vocabulary": 160,
    "layers": 2,
    "hidden": 12,
    "embedding": 10,
    "rows": 7,  # not to be divided among two
    "bptt_steps": 16,
    "least_right_context": 3,
    "language_model_share": 0.4,
    "fragment_share": 0.4,
    "learning_rate": 0.01,
    "warmup_steps": 3,
    "dropout": 0.0,
    "precision": "float32",
    "steps": STEPS,
}
CASES: dict[str, dict[str, Any]] = {
    "lstm": {},
    "gru": {"cell": "gru", "direction": "causal", "fragment_share": 0.0},
    "mlp": {"cell": "mlp", "fragment_share": 1.0},
    "contrast": {"language_model_weight": 0.0, "rows": 2, "weight_decay": 0.5},  # a process often has no pronoun
    "epochs": {"steps": None, "epochs": 1.5},
    "recall": {"recall_steps": 3},
}
TEXTS = ["\n".join(SENTENCES * 3), "\n".join(SENTENCES[::-1])]


def new_trainer(folder: Path, name: str, world: World | None = None, **changed: Any) -> Trainer:
    """A small trainer whose run's folder is folder/name."""
    tokenizer = tiny_tokenizer("word")
    shards = folder / f"shards-{world.rank if world else 'alone'}"
    tokens = tiny_shards(shards, TEXTS, tokenizer)
    config = TrainingConfig(**(SETTINGS | changed))
    return Trainer(config, tokenizer, tokens, tokens, load_pairs(), folder / name, world=world)


def stop_at(step: int) -> Any:
    """A listener that ends the run after this step."""

    def listener(trainer: Trainer) -> None:
        trainer.stop_requested = trainer.n_steps == step

    return listener


def nothing(trainer: Trainer) -> None:
    """A listener that does nothing."""


def main(folder: Path) -> None:
    """All runs; see the module's docstring."""
    torch.set_num_threads(1)
    loop.VALIDATION_ROWS, loop.VALIDATION_BATCHES = VALIDATION
    errors: dict[str, str] = {}
    with joined("cpu") as world:
        for name, changed in CASES.items():
            assert new_trainer(folder, f"two-{name}", world, **changed).run(nothing)

        stopped = new_trainer(folder, "from-two", world)
        assert not stopped.run(stop_at(2) if world.rank == 1 else nothing)  # one process is told, all stop
        errors["stopped"] = str(stopped.n_steps)

        resumed = new_trainer(folder, "from-one", world)
        resumed.resume()
        assert resumed.run(nothing)

        for name, stop in (("dropout-straight", nothing), ("dropout-resumed", stop_at(2))):
            new_trainer(folder, name, world, dropout=0.3).run(stop)
        world.sum(0.0)  # the first process has written by now
        resumed = new_trainer(folder, "dropout-resumed", world, dropout=0.3)
        resumed.resume()
        resumed.run(nothing)

        try:
            world.check_same(corpus=["a"], settings=world.rank)
        except TrainingError as error:
            errors["different"] = str(error)
        try:
            new_trainer(folder, "too-few", world, rows=1)
        except TrainingError as error:
            errors["too few rows"] = str(error)
        everyone = world.first_on_each_machine(lambda: sorted(path.name for path in folder.glob("turn-*")))
        (folder / f"turn-{world.rank}").touch()
        errors["turns"] = json.dumps(everyone)
        if world.leads:
            (folder / "errors.json").write_text(json.dumps(errors))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
