"""Networks, tokenizers and corpora small enough to work out by hand, shared by all tests. Knows no torch."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.bundle import as_stored, write_bundle
from model.cells import Array
from model.config import NetworkConfig
from model.structure import weight_shapes
from model.text import normalised
from model.tokenizer import Tokenizer
from training.contrasts import ContrastTable
from training.corpus import Document, SourceRecord
from training.fit_tokenizer import fit_tokenizer
from training.places import Places
from training.pronouns import load_pairs
from training.shards import TokenShards, prepare_shards

SENTENCES = (
    "Mary packed her bag because she was leaving.",
    "Tom said that he was tired, and Mary gave him her hand.",
    '"He saw himself in the mirror," she said to herself.',
    "His sister Anna met her brother Paul; he was late!",
    "She told him that her mother had seen his father.",
    "Was he at home? Paul looked for himself and found his book.",
    "Anna hurt herself when she was walking to the station.",
    'Tom asked her: "Is the book hers or his?"',
    "Her uncle liked the house, but he never said so himself.",
    "The old man lost his hat, and the girl gave it to him.",
    "When she was tired she sat by herself in the old garden.",
    '"She was here," said Paul, and he opened the door for her.',
)
"""A dozen sentences with every form of the English pairs, quotes, and all the marks that end a sentence."""

PICKLED = b"\x80\x04\x95\x17\x00\x00\x00\x00\x00\x00\x00}\x94\x8c\x0eformat_version\x94K\x01s."
"""{"format_version": 1} as a pickle, which nothing here may ever load."""
VOCABULARY_SIZES = {"subword": 160, "word": 160, "character": 64}
"""What is asked for. The subword kind could use more, so that its rarer words are several pieces, `▁me|t`."""


@cache
def tiny_tokenizer(kind: str = "subword") -> Tokenizer:
    """The tokenizer fitted to SENTENCES: at most 160 pieces, every pronoun form one piece (but for characters)."""
    return fit_tokenizer(map(normalised, SENTENCES), kind, VOCABULARY_SIZES[kind], load_pairs().gendered_forms)


@cache
def tiny_contrasts(kind: str = "subword") -> ContrastTable:
    """The English pairs in the pieces of `tiny_tokenizer(kind)`."""
    return ContrastTable(load_pairs(), tiny_tokenizer(kind))


def tiny_config(
    cell: str = "lstm",
    direction: str = "bidirectional",
    kind: str = "subword",
    *,
    n_layers: int = 2,
    hidden_size: int = 6,
    embedding_size: int = 5,
) -> NetworkConfig:
    """A network of a few units over `tiny_tokenizer(kind)`."""
    return NetworkConfig(
        n_layers=n_layers,
        direction=direction,
        hidden_size=hidden_size,
        embedding_size=embedding_size,
        vocabulary_size=tiny_tokenizer(kind).vocabulary_size,
        cell=cell,
    )


def tiny_weights(config: NetworkConfig, seed: int = 0) -> dict[str, Array]:
    """Random tensors by the bundle's names: float32, values that float16 holds exactly, no tensor zero.

    Large enough (standard deviation 0.6) that gates open and close and two tokens exchanged change an answer.
    """
    random = np.random.default_rng(seed)
    return as_stored({name: 0.6 * random.standard_normal(shape) for name, shape in weight_shapes(config).items()})


def tiny_metadata(name: str, config: NetworkConfig, **changed: Any) -> dict[str, Any]:
    """What write_bundle takes as metadata; `changed` replaces whole fields, such as calibration."""
    metadata: dict[str, Any] = {
        "name": name,
        "network": config.to_json(),
        "objective": {"language_model_weight": 1.0, "contrast_weight": 1.0},
        "pronouns": load_pairs().to_json(),
        "calibration": [],
        "provenance": {"texts": [], "command": "tests/tiny.py"},
        "metrics": {},
    }
    return metadata | changed


def tiny_bundle(
    folder: Path,
    *,
    cell: str = "lstm",
    direction: str = "bidirectional",
    kind: str = "subword",
    seed: int = 0,
    n_layers: int = 2,
    hidden_size: int = 6,
    embedding_size: int = 5,
    **metadata: Any,
) -> Path:
    """Writes a real bundle with random weights, named after `folder`, and returns `folder`.

    `metadata` replaces fields of bundle.json, e.g. objective={"language_model_weight": 0.0}.
    """
    config = tiny_config(
        cell, direction, kind, n_layers=n_layers, hidden_size=hidden_size, embedding_size=embedding_size
    )
    values = tiny_metadata(folder.name, config, **metadata)
    card = f"# {folder.name}\nRandom weights.\n"
    write_bundle(folder, values, tiny_weights(config, seed), tiny_tokenizer(kind), card)
    return folder


def tiny_documents(texts: Sequence[str]) -> list[Document]:
    """One document a text, one paragraph a line."""
    return [Document(f"text{number}", iter(normalised(text).split("\n"))) for number, text in enumerate(texts)]


def tiny_sources(texts: Sequence[str]) -> list[SourceRecord]:
    """The records of these texts, as of files that hold them."""
    data = [text.encode() for text in texts]
    return [SourceRecord(f"text{n}", len(raw), hashlib.sha256(raw).hexdigest()) for n, raw in enumerate(data)]


def tiny_shards(folder: Path, texts: Sequence[str], tokenizer: Tokenizer) -> TokenShards:
    """Token shards in `folder`, one document a text, one paragraph a line."""
    return prepare_shards(folder, tiny_documents(texts), tokenizer, tiny_sources(texts))


def chosen(places: Places, which: NDArray[Any]) -> Places:
    """The places that a mask or an index picks."""
    return Places(places.row[which], places.time[which], places.after[which])
