"""One training run from texts to a bundle: tokenizer, shards, steps, and what is written at the end.

`--out DIR`: DIR becomes the bundle and nothing else. Everything on the way stays in DIR.run/: tokenizer.model,
shards/, valid-shards/, checkpoint.safetensors, report.html and report.json.
"""

from __future__ import annotations

import hashlib
import json
import logging
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from model.tokenizer import Tokenizer
from training.config import TrainingConfig
from training.corpus import SourceRecord, fingerprint, read_documents, spool
from training.destination import check_replaceable
from training.errors import CheckpointError, TrainingConfigError
from training.fit_tokenizer import fit_tokenizer
from training.loop import Trainer
from training.pronouns import Pairs
from training.provenance import note_start
from training.shards import TokenShards, prepare_shards
from training.sources import STANDARD_INPUT

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunOptions:
    """What a run reads and writes, beside what is in TrainingConfig."""

    corpus: Sequence[str]
    out: Path
    valid: Sequence[str] = ()
    text_field: str = "text"
    resume: bool = False
    device: str = "cpu"
    command: str = ""
    licence: str | None = None
    """Of the bundle, an SPDX identifier; None: the card names none."""

    @property
    def run_folder(self) -> Path:
        """DIR.run beside the bundle."""
        return self.out.with_name(self.out.name + ".run")


@dataclass(frozen=True)
class Corpus:
    """A prepared corpus: ids on disk, the tokenizer that made them, and where the texts came from."""

    tokenizer: Tokenizer
    tokens: TokenShards
    held_out: TokenShards | None
    sources: list[SourceRecord]
    valid_sources: list[SourceRecord]


def run(config: TrainingConfig, pairs: Pairs, options: RunOptions) -> bool:
    """Trains, and writes the bundle; False when it was stopped before the end (the checkpoint is saved).

    Raises TrainingError and its kin; OSError where a folder cannot be written.
    """
    check_replaceable(options.out)
    folder = options.run_folder
    has_checkpoint = (folder / "checkpoint.safetensors").exists()
    if options.resume and not has_checkpoint:
        raise CheckpointError(f"{folder} holds no checkpoint to resume from; give the same command without --resume.")
    if has_checkpoint and not options.resume:
        raise TrainingConfigError(
            f"{folder} holds the checkpoint of an earlier run. Go on with --resume, choose another --out, or delete it."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not options.resume:
            note_start(folder)
    except OSError as error:
        raise TrainingConfigError(
            f"the run's folder {folder} cannot be written ({error.strerror or error}); give another --out."
        ) from error
    corpus = prepare(config, pairs, options)
    trainer = Trainer(config, corpus.tokenizer, corpus.tokens, corpus.held_out, pairs, folder, options.device)
    if options.resume:
        trainer.resume()
        say(f"going on at step {trainer.n_steps}")
    with stopped_by_signals(trainer), ProgressBar(trainer) as bar:
        finished = trainer.run(bar.update)
    if not finished:
        say(f"stopped at step {trainer.n_steps}; saved. Go on with: {options.command} --resume")
        return False
    from training.export import export  # plots and the card: needed at the end only

    export(trainer, corpus, options, options.licence)
    say(f"wrote the bundle {options.out} and the report {folder / 'report.html'}")
    return True


def prepare(config: TrainingConfig, pairs: Pairs, options: RunOptions) -> Corpus:
    """Tokenizer and shards, new ones or those of the run's folder where the texts and settings are the same."""
    folder = options.run_folder
    texts = [_spooled(folder, options) if source == STANDARD_INPUT else source for source in options.corpus]
    sources = fingerprint(texts)
    tokenizer = _tokenizer(config, pairs, texts, sources, options)
    say("preparing token shards")
    tokens = prepare_shards(folder / "shards", read_documents(texts, options.text_field), tokenizer, sources)
    say(f"{len(tokens):,} tokens of {len(tokens.document_starts):,} documents")
    held_out, valid_sources = None, []
    if options.valid:
        valid_sources = fingerprint(options.valid)
        documents = read_documents(options.valid, options.text_field)
        held_out = prepare_shards(folder / "valid-shards", documents, tokenizer, valid_sources)
    return Corpus(tokenizer, tokens, held_out, sources, valid_sources)


def _spooled(folder: Path, options: RunOptions) -> str:
    """Standard input as a file; a resumed run has it already."""
    kept = [path for path in folder.glob("standard-input.*") if path.suffix != ".part"]
    if options.resume and kept:
        return str(kept[0])
    for path in kept:
        path.unlink()
    return str(spool(folder))


def _tokenizer(
    config: TrainingConfig, pairs: Pairs, texts: Sequence[str], sources: list[SourceRecord], options: RunOptions
) -> Tokenizer:
    """The run's tokenizer if it was fitted to the same texts with the same settings, else a new one."""
    folder = options.run_folder
    identity: dict[str, Any] = {
        "kind": config.tokenizer,
        "vocabulary": config.vocabulary,
        "forms": list(pairs.forms),
        "text_field": options.text_field,
        "sources": [asdict(source) for source in sources],
    }
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    model, stamp = folder / "tokenizer.model", folder / "tokenizer.sha256"
    if model.exists() and stamp.exists() and stamp.read_text() == digest:
        return Tokenizer.load(model.read_bytes(), config.tokenizer)
    if options.resume:
        raise CheckpointError(
            f"{folder} belongs to a run on other texts, or with another tokenizer, vocabulary or --pairs: its weights "
            "mean nothing with new ones. Give the same texts and settings as before, or another --out."
        )
    say(f"fitting a {config.tokenizer} tokenizer")
    documents = read_documents(texts, options.text_field)
    paragraphs = (paragraph for document in documents for paragraph in document.paragraphs)
    tokenizer = fit_tokenizer(paragraphs, config.tokenizer, config.vocabulary, pairs.forms)
    stamp.unlink(missing_ok=True)
    model.write_bytes(tokenizer.serialized)
    stamp.write_text(digest)
    return tokenizer


def say(message: str) -> None:
    """A line for the person who waits; standard output stays free."""
    tqdm.write(message, file=sys.stderr)


@contextmanager
def stopped_by_signals(trainer: Trainer) -> Iterator[None]:
    """ctrl-C and SIGTERM end the run after the step under way; a second ctrl-C ends it at once."""

    def stop(number: int, frame: object) -> None:
        trainer.stop_requested = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


class ProgressBar:
    """Share done, tokens a second, time left, and the latest figures, on standard error."""

    def __init__(self, trainer: Trainer) -> None:
        self.bar = tqdm(
            total=1000,
            initial=min(round(1000 * trainer.progress), 1000),
            file=sys.stderr,
            bar_format="{percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}",
            mininterval=1.0,
            miniters=0,
        )

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *unused: object) -> None:
        self.bar.close()

    def update(self, trainer: Trainer) -> None:
        """Called after every step."""
        latest: dict[str, Any] = {}
        for row in trainer.history[-4:]:
            latest |= row
        parts = [f"step {trainer.n_steps:,}", f"{trainer.n_tokens / max(trainer.elapsed_seconds, 1e-9):,.0f} tokens/s"]
        pair = trainer.pairs.default.name
        context = "both" if f"valid_{pair}_both" in latest else "left"
        for label, name in (("loss", "train_left_nats"), (f"{pair} right", f"valid_{pair}_{context}")):
            if latest.get(name) is not None:
                parts.append(f"{label} {latest[name]:.3f}")
        self.bar.set_postfix_str(", ".join(parts), refresh=False)
        self.bar.update(min(round(1000 * trainer.progress), 1000) - self.bar.n)
