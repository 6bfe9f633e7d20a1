"""From texts to what a trainer reads: the tokenizer fitted, the shards written, or those of an earlier start reused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from model.tokenizer import Tokenizer
from training.augmentation import LANGUAGES, STRETCH_PARAGRAPHS, Augmentation
from training.config import TrainingConfig
from training.corpus import Document, SourceRecord, fingerprint, read_documents, spool
from training.distributed import rank_of_this_process
from training.duplicates import check_files, find_duplicates, told
from training.encoding import available_cores
from training.errors import CheckpointError
from training.fit_tokenizer import fit_tokenizer
from training.options import RunOptions
from training.progress import say
from training.pronouns import Pairs
from training.shards import Progress, TokenShards, prepare_shards, sources_of
from training.sources import STANDARD_INPUT
from training.twins import find_twins

FITTED_BYTES = 256 << 20
"""Of a larger corpus the tokenizer is fitted to an even sample of about this size, as the files lie on disk."""
SAY_EVERY_SECONDS = 30.0


@dataclass(frozen=True)
class Corpus:
    """A prepared corpus: ids on disk, the tokenizer that made them, and where the texts came from."""

    tokenizer: Tokenizer
    tokens: TokenShards
    held_out: TokenShards | None
    twins: TokenShards | None
    """Stories and excerpts; each document of an even number is followed by its twin."""
    sources: list[SourceRecord]
    valid_sources: list[SourceRecord]


def prepare(config: TrainingConfig, pairs: Pairs, options: RunOptions) -> Corpus:
    """Tokenizer and shards, new ones or those of the run's folder where the texts and settings are the same."""
    folder = options.run_folder
    texts = [_spooled(folder, options) if source == STANDARD_INPUT else source for source in options.corpus]
    sources = fingerprint(texts)
    valid_sources = fingerprint(options.valid) if options.valid else []
    check_files(sources, valid_sources)
    if options.resume and valid_sources:
        _check_same_valid(folder, valid_sources)
    augmentation = Augmentation(pairs, config.rename_share, config.swap_share, config.seed)
    has_twins = config.twin_share > 0 and pairs.language in LANGUAGES
    if config.twin_share and not has_twins:
        say(f"no stories and no excerpts: there is no grammar for the language {pairs.language!r}")
    if not augmentation.is_on and (config.rename_share or config.swap_share):
        say(f"no augmentation: there are no lists of names and gendered words for the language {pairs.language!r}")

    n_workers = options.n_workers or available_cores()
    share = fitted_share(sources)

    def read_share() -> Iterator[Document]:
        return read_documents(texts, options.text_field, share=share)

    twins = find_twins(read_share, config, augmentation) if has_twins else None

    def fitted() -> Iterator[Document]:
        if share < 1:
            say(f"the tokenizer is fitted to {share:.1%} of the corpus")
        yield from augmentation.documents(read_share())
        if twins:
            yield from twins.fitted()

    tokenizer = _tokenizer(config, pairs, fitted(), sources, augmentation.identity(), options)
    say("preparing token shards")
    tokens = prepare_shards(
        folder / "shards",
        # Stretches of paragraphs are counted here where they are to be changed; else the workers normalise as well.
        read_documents(texts, options.text_field, raw=not augmentation.is_on),
        tokenizer,
        sources,
        augmentation.identity(),
        transform=augmentation.changed if augmentation.is_on else None,
        stretch_paragraphs=STRETCH_PARAGRAPHS if augmentation.is_on else 1,
        n_workers=n_workers,
        listener=_Teller(),
    )
    say(f"{len(tokens):,} tokens of {len(tokens.document_starts):,} documents")
    if options.parent:
        _tell_unknown(tokens, options.parent.name)
    twin_tokens = None
    if twins:
        made_with = twins.identity()
        twin_tokens = prepare_shards(
            folder / "twin-shards", twins.documents(), tokenizer, [], made_with, n_workers=n_workers
        )
        say(f"{len(twin_tokens):,} tokens of stories and excerpts")
    held_out = None
    if options.valid:
        held_out = prepare_shards(
            folder / "valid-shards",
            read_documents(options.valid, options.text_field, raw=True),
            tokenizer,
            valid_sources,
            n_workers=n_workers,
            listener=_Teller(),
        )
        if not options.resume and rank_of_this_process() == 0:  # else it was told already
            found = find_duplicates(tokens, held_out, tokenizer)
            for line in told(found, options.valid, options.text_field):
                say(f"warning: {line}")
    return Corpus(tokenizer, tokens, held_out, twin_tokens, sources, valid_sources)


def _check_same_valid(folder: Path, sources: list[SourceRecord]) -> None:
    """Raises CheckpointError before the validation shards of a run that is resumed are replaced by those of others."""
    before = sources_of(folder / "valid-shards")
    if before is not None and before != [asdict(source) for source in sources]:
        raise CheckpointError(
            f"{folder} belongs to a run with other validation texts: its figures could not be compared with new ones. "
            "Give the same --valid as before, or another --out."
        )


def _tell_unknown(tokens: TokenShards, parent: str) -> None:
    share = tokens.unknown_share
    line = f"{share:.2%} of the pieces of these texts are unknown to the tokenizer of {parent}"
    say(f"warning: {line}: a new training, with a tokenizer of its own, may do better" if share > 0.01 else line)


class _Teller:
    """Says how far a long preparation is, every SAY_EVERY_SECONDS."""

    def __init__(self) -> None:
        self.last: Progress | None = None

    def __call__(self, progress: Progress) -> None:
        if self.last is None:
            self.last = progress  # what an earlier, interrupted preparation had done
        seconds = progress.elapsed_seconds - self.last.elapsed_seconds
        if seconds >= SAY_EVERY_SECONDS:
            rate = (progress.n_tokens - self.last.n_tokens) / seconds
            say(f"{progress.n_tokens:,} tokens, {progress.n_characters:,} characters; {rate:,.0f} tokens/s")
            self.last = progress


def fitted_share(sources: Sequence[SourceRecord]) -> float:
    """The share of the corpus that the tokenizer is fitted to."""
    return min(1.0, FITTED_BYTES / max(sum(source.bytes for source in sources), 1))


def _spooled(folder: Path, options: RunOptions) -> str:
    """Standard input as a file; a resumed run has it already."""
    kept = [path for path in folder.glob("standard-input.*") if path.suffix != ".part"]
    if options.resume and kept:
        return str(kept[0])
    for path in kept:
        path.unlink()
    return str(spool(folder))


def _tokenizer(
    config: TrainingConfig,
    pairs: Pairs,
    documents: Iterable[Document],
    sources: list[SourceRecord],
    augmentation: dict[str, object] | None,
    options: RunOptions,
) -> Tokenizer:
    """The run's tokenizer if it was fitted to the same texts with the same settings, else a new one."""
    folder = options.run_folder
    identity: dict[str, Any] = {
        "kind": config.tokenizer,
        "vocabulary": config.vocabulary,
        "forms": _pieces_held(pairs),
        "text_field": options.text_field,
        "sources": [asdict(source) for source in sources],
        "augmentation": augmentation,
        "stories": config.story_share > 0,
    }
    if options.parent:
        identity["parent"] = options.parent.sha256
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    model, stamp = folder / "tokenizer.model", folder / "tokenizer.sha256"
    if model.exists() and stamp.exists() and stamp.read_text() == digest:
        return Tokenizer.load(model.read_bytes(), config.tokenizer)
    if options.resume:
        raise CheckpointError(
            f"{folder} belongs to a run on other texts, or with another tokenizer, vocabulary, --pairs or --from: its "
            "weights mean nothing with new ones. Give the same texts and settings as before, or another --out."
        )
    if options.parent:
        tokenizer = options.parent.tokenizer
    else:
        say(f"fitting a {config.tokenizer} tokenizer")
        paragraphs = (paragraph for document in documents for paragraph in document.paragraphs)
        tokenizer = fit_tokenizer(paragraphs, config.tokenizer, config.vocabulary, _pieces_held(pairs))
    stamp.unlink(missing_ok=True)
    model.write_bytes(tokenizer.serialized)
    stamp.write_text(digest)
    return tokenizer


def _pieces_held(pairs: Pairs) -> list[str]:
    """The words that are to be single pieces: every form, and what training tells it from."""
    rivals = (rival for pair in pairs.pairs for rival in pair.rivals)
    return list(dict.fromkeys([*pairs.forms, *rivals]))
