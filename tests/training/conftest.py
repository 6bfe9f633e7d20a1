"""A whole training run in seconds, for the tests of what a run leaves behind; and a trainer alone."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from model.bundle import Bundle, read_bundle
from tests.tiny import SENTENCES, tiny_shards, tiny_tokenizer
from tests.training.tiny_trainer import LONG, SMALL, TOY, NewTrainer
from training import loop
from training.config import TrainingConfig
from training.loop import Trainer
from training.options import RunOptions
from training.pronouns import load_pairs
from training.run import run

SETTINGS: dict[str, Any] = {
    "layers": 1,
    "hidden": 8,
    "embedding": 8,
    "vocabulary": 160,
    "rows": 4,
    "bptt_steps": 24,
    "least_right_context": 4,
    "warmup_steps": 2,
    "steps": 6,
    "validate_every_steps": 3,
}


@dataclass(frozen=True)
class TinyRun:
    """What a finished run was told."""

    config: TrainingConfig
    options: RunOptions

    @property
    def bundle(self) -> Bundle:
        """What it wrote."""
        return read_bundle(self.options.out)


def write_corpus(folder: Path, first_seed: int = 1) -> Path:
    """Two texts of the tiny sentences in different orders; another seed gives others."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(("first.txt", "second.txt"), start=first_seed):
        lines = list(SENTENCES) * 4
        random.Random(seed).shuffle(lines)
        (folder / name).write_text("\n".join(lines), encoding="utf-8")
    return folder


def tiny_run(folder: Path, *, corpus: Path | None = None, **settings: Any) -> TinyRun:
    """Words for a run in `folder`: options of RunOptions and settings of TrainingConfig may be changed."""
    texts = corpus or write_corpus(folder / "texts")
    given = {name: settings.pop(name) for name in ("out", "valid", "resume", "licence") if name in settings}
    options: dict[str, Any] = {
        "corpus": [str(texts)],
        "out": folder / "tiny",
        "command": "anaphora train texts --out tiny",
    }
    return TinyRun(TrainingConfig(**(SETTINGS | settings)), RunOptions(**(options | given)))


def train(tiny: TinyRun) -> bool:
    """Does what the words say, with a smaller sample for validation than real runs have."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("training.loop.VALIDATION_BATCHES", 4)
        return run(tiny.config, load_pairs(), tiny.options)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> TinyRun:
    """A finished run, to look at and not to change."""
    folder = tmp_path_factory.mktemp("finished")
    tiny = tiny_run(folder, valid=[str(write_corpus(folder / "held-out", 3))], licence="cc0-1.0")
    assert train(tiny)
    return tiny


@pytest.fixture
def new_trainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NewTrainer]:
    """A trainer with some settings changed; those of one test share a run's folder and the texts.

    Sums are taken in the same order on every machine; a dozen texts are enough to validate on.
    """
    monkeypatch.setattr(loop, "VALIDATION_ROWS", 6)
    monkeypatch.setattr(loop, "VALIDATION_BATCHES", 2)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)

    def new(texts: list[str] = LONG, held_out: list[str] | None = TOY, **changed: Any) -> Trainer:
        config = replace(SMALL, **changed)
        tokenizer = tiny_tokenizer(config.tokenizer)
        tokens = tiny_shards(tmp_path / "shards", texts, tokenizer)
        valid = None if held_out is None else tiny_shards(tmp_path / "valid-shards", held_out, tokenizer)
        return Trainer(config, tokenizer, tokens, valid, load_pairs(), tmp_path / "run")

    yield new
    torch.set_num_threads(threads)
