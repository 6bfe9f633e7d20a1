"""From texts to what a trainer reads: the tokenizer fitted, the shards written, or those of an earlier start reused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from model.tokenizer import Tokenizer
from training.config import TrainingConfig
from training.corpus import SourceRecord, fingerprint, read_documents, spool
from training.errors import CheckpointError
from training.fit_tokenizer import fit_tokenizer
from training.options import RunOptions
from training.progress import say
from training.pronouns import Pairs
from training.shards import TokenShards, prepare_shards
from training.sources import STANDARD_INPUT


@dataclass(frozen=True)
class Corpus:
    """A prepared corpus: ids on disk, the tokenizer that made them, and where the texts came from."""

    tokenizer: Tokenizer
    tokens: TokenShards
    held_out: TokenShards | None
    sources: list[SourceRecord]
    valid_sources: list[SourceRecord]


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
