"""What a training run reads and writes: the words of the command line that say nothing of the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from model.bundle import Bundle


@dataclass(frozen=True)
class RunOptions:
    """What a run reads and writes, beside what is in TrainingConfig."""

    corpus: Sequence[str]
    out: Path
    valid: Sequence[str] = ()
    text_field: str = "text"
    resume: bool = False
    parent: Bundle | None = None
    """The bundle whose training goes on, with its tokenizer and sizes; None: a new network."""
    find_learning_rate: bool = False
    """Look for a learning rate and do nothing else."""
    device: str = "cpu"
    """torch's name; in each of several processes its own."""
    command: str = ""
    n_workers: int | None = None
    """Processes that tokenize; None: one for each core that this one may use."""
    licence: str | None = None
    """Of the bundle, an SPDX identifier; None: the card names none."""

    @property
    def run_folder(self) -> Path:
        """DIR.run beside the bundle."""
        return self.out.with_name(self.out.name + ".run")
