"""The bundle: what training writes and everything else reads.

A directory of four files: `bundle.json` (what it is), `weights.safetensors`, `tokenizer.model` (SentencePiece) and
`README.md` (the model card). bundle.json holds size and SHA-256 of the other three; its own SHA-256 is the content
hash of the whole. Nothing in a bundle is ever executed or unpickled, and no path in it leads anywhere.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from model.cells import Array
from model.config import NetworkConfig
from model.errors import BundleContentError, BundleFormatError, BundleIntegrityError, ConfigError
from model.gender_units import ranking_of
from model.structure import weight_shapes
from model.text import NORMALISER_VERSION, normalised
from model.tokenizer import KINDS, Tokenizer

FORMAT_VERSION = 1
METADATA, WEIGHTS, TOKENIZER, CARD = "bundle.json", "weights.safetensors", "tokenizer.model", "README.md"
CONTENT_FILES = (WEIGHTS, TOKENIZER, CARD)
MAX_METADATA_BYTES = 4 << 20
MAX_METADATA_DEPTH = 32
MAX_FILE_BYTES = 4 << 30
STORED_DTYPE = np.float16


@dataclass(frozen=True)
class Bundle:
    """A bundle in memory, whole and verified."""

    name: str
    network: NetworkConfig
    tokenizer: Tokenizer
    weights: Mapping[str, Array]
    """float32, with the values as stored (float16)."""
    metadata: Mapping[str, Any]
    """All of bundle.json."""
    card: str
    """The model card, Markdown."""
    sha256: str
    """Content hash: SHA-256 of bundle.json."""

    @property
    def has_language_model(self) -> bool:
        """Whether it was trained with the language-model objective; top-k, perplexity and fill-mask need that."""
        return bool(self.metadata["objective"]["language_model_weight"] > 0)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The pronoun pairs it was trained on; the first is asked where a request names no targets."""
        return [(pair["forms"][0], pair["forms"][1]) for pair in self.metadata["pronouns"]["pairs"]]

    @property
    def gender_units(self) -> dict[str, tuple[int, ...]]:
        """`layer1.forward` -> its units that carry gender, most first; empty where `anaphora units` recorded none."""
        return ranking_of(self.metadata, self.network)

    def temperature(self, targets: tuple[str, ...], context: str) -> float:
        """The calibrated temperature where `targets` are one of the pairs (in any order or case), else 1."""
        asked = {normalised(target).lower() for target in targets}
        for entry in self.metadata["calibration"]:
            if len(targets) == 2 and asked == set(entry["forms"]) and entry["context"] == context:
                return float(entry["temperature"])
        return 1.0


def as_stored(weights: Mapping[str, Array]) -> dict[str, Array]:
    """The float32 values that weights have once they have been through the bundle's float16."""
    return {name: value.astype(STORED_DTYPE).astype(np.float32) for name, value in weights.items()}


def write_bundle(
    folder: Path, metadata: Mapping[str, Any], weights: Mapping[str, Array], tokenizer: Tokenizer, card: str
) -> None:
    """Writes a bundle beside `folder`, then renames it into place; one that stands there is moved aside first.

    `metadata`: everything of bundle.json but format version, tensor list and files. A crash between the two renames
    leaves the old bundle at `folder.old`, which loading names. Raises OSError, then the old bundle is untouched; so it
    does where something else stands at `folder.old`, which is never deleted.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    check_room_aside(folder)
    beside, aside = _named_beside(folder, f".{os.getpid()}.new"), moved_aside(folder)
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    try:
        stored = {name: np.ascontiguousarray(value.astype(STORED_DTYPE)) for name, value in weights.items()}
        (beside / WEIGHTS).write_bytes(safetensors.numpy.save(stored))  # save_file would make it private to its owner
        (beside / TOKENIZER).write_bytes(tokenizer.serialized)
        (beside / CARD).write_text(card, encoding="utf-8")
        complete = dict(metadata) | {
            "format_version": FORMAT_VERSION,
            "normaliser_version": NORMALISER_VERSION,
            "tokenizer": tokenizer.kind,
            "tensors": _tensor_list({name: value.shape for name, value in stored.items()}),
            "files": {name: _file_record(beside / name) for name in CONTENT_FILES},
        }
        text = json.dumps(complete, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        (beside / METADATA).write_text(text, encoding="utf-8")
        for path in beside.iterdir():
            with path.open("rb+") as file:
                os.fsync(file.fileno())
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    replaces = folder.exists()
    if replaces:
        folder.rename(aside)
    try:
        beside.rename(folder)
    except OSError:
        if replaces:
            aside.rename(folder)
        raise
    if replaces:
        shutil.rmtree(aside, ignore_errors=True)


def _file_record(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _tensor_list(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    return {name: {"shape": list(shape), "dtype": "float16"} for name, shape in shapes.items()}


def read_bundle(folder: Path) -> Bundle:
    """Reads and verifies a bundle: format version, hashes, names, shapes, dtypes, finiteness, tokenizer.

    Raises BundleFormatError, BundleIntegrityError or BundleContentError, which say what failed.
    """
    raw, metadata = _read_metadata(folder)
    files = {name: _verified(folder, name, metadata) for name in CONTENT_FILES}
    try:
        network = NetworkConfig.from_json(metadata["network"])
    except ConfigError as error:
        raise BundleContentError(f"{folder}: {METADATA} declares an impossible network: {error}") from error
    ranking_of(metadata, network)
    kind = metadata["tokenizer"]
    if kind not in KINDS:
        raise BundleContentError(f"{folder}: unknown tokenizer kind {kind!r:.60}; expected one of {', '.join(KINDS)}.")
    try:
        tokenizer = Tokenizer.load(files[TOKENIZER], kind)
    except BundleContentError as error:
        raise BundleContentError(f"{folder}: {TOKENIZER}: {error}") from error
    if tokenizer.vocabulary_size != network.vocabulary_size:
        raise BundleContentError(
            f"{folder}: the tokenizer has {tokenizer.vocabulary_size} pieces, the network {network.vocabulary_size}."
        )
    if metadata["tensors"] != _tensor_list(weight_shapes(network)):
        raise BundleContentError(f"{folder}: the tensors that {METADATA} lists are not those of its network.")
    return Bundle(
        name=metadata["name"],
        network=network,
        tokenizer=tokenizer,
        weights=_verified_weights(folder, files[WEIGHTS], network),
        metadata=metadata,
        card=files[CARD].decode("utf-8", errors="replace"),
        sha256=hashlib.sha256(raw).hexdigest(),
    )


def is_bundle(folder: Path) -> bool:
    """Whether a folder says that it is a bundle, whole or not."""
    return (folder / METADATA).is_file()


def moved_aside(folder: Path) -> Path:
    """Where the bundle that stood in `folder` is while a new one takes its place."""
    return _named_beside(folder, ".old")


def check_room_aside(folder: Path) -> None:
    """Raises FileExistsError where a bundle in `folder` could not be moved aside without deleting something."""
    aside = moved_aside(folder)
    if folder.exists() and aside.exists():
        raise FileExistsError(
            errno.EEXIST, "stands where the bundle before would be moved aside: move it away or delete it", str(aside)
        )


def _named_beside(folder: Path, ending: str) -> Path:
    absolute = folder.absolute()  # "." has no name of its own
    return absolute.parent / (absolute.name + ending)


def _read_metadata(folder: Path) -> tuple[bytes, dict[str, Any]]:
    path = folder / METADATA
    if not path.is_file():
        aside = moved_aside(folder)
        hint = f" An earlier bundle stands in {aside}: rename it back." if is_bundle(aside) else ""
        raise BundleFormatError(f"{folder} is not a bundle: it has no {METADATA}.{hint}")
    if path.stat().st_size > MAX_METADATA_BYTES:
        raise BundleFormatError(f"{path} has {path.stat().st_size} bytes; expected at most {MAX_METADATA_BYTES}.")
    raw = _read(folder, METADATA)
    try:
        metadata = json.loads(raw.decode("utf-8"), parse_constant=_refuse_constant)
        json.dumps(metadata, ensure_ascii=False, allow_nan=False).encode()  # what cannot be written again is no JSON
    except (ValueError, RecursionError) as error:
        raise BundleFormatError(f"{path} is not JSON ({error}); the file was damaged or is no bundle's.") from error
    if not isinstance(metadata, dict):
        raise BundleFormatError(f"{path} holds a {type(metadata).__name__}; expected a JSON object.")
    for name, expected in (("format_version", FORMAT_VERSION), ("normaliser_version", NORMALISER_VERSION)):
        if metadata.get(name) != expected or type(metadata.get(name)) is not int:
            raise BundleFormatError(
                f"{folder}: {name} is {metadata.get(name)!r:.60}; this program reads {expected}. "
                "Train the bundle again, or use the version of the program that wrote it."
            )
    _check_fields(path, metadata)
    return raw, metadata


FIELDS: dict[str, type] = {
    "name": str,
    "network": dict,
    "tokenizer": str,
    "objective": dict,
    "pronouns": dict,
    "calibration": list,
    "provenance": dict,
    "metrics": dict,
    "tensors": dict,
    "files": dict,
}


def _check_fields(path: Path, metadata: dict[str, Any]) -> None:
    """Types of every field that is read later, so that a hostile file fails here and with a sentence."""
    for name, kind in FIELDS.items():
        if not isinstance(metadata.get(name), kind):
            raise BundleFormatError(f"{path}: field {name!r} is {metadata.get(name)!r:.80}; expected {kind.__name__}.")
    name = metadata["name"]
    if _is_deeper(metadata, MAX_METADATA_DEPTH):
        raise BundleFormatError(f"{path} nests lists and objects more than {MAX_METADATA_DEPTH} deep.")
    if set(metadata["files"]) != set(CONTENT_FILES):
        raise BundleFormatError(
            f"{path} lists the files {sorted(metadata['files'])!r:.80}; expected {', '.join(CONTENT_FILES)}."
        )
    if not name or len(name) > 100 or not all(c.isalnum() or c in "-_." for c in name) or name.startswith("."):
        raise BundleFormatError(f"{path}: name is {name!r:.120}; expected letters, digits, '-', '_' and '.'.")
    weight = metadata["objective"].get("language_model_weight")
    if type(weight) not in (int, float):
        raise BundleFormatError(f"{path}: objective.language_model_weight is {weight!r:.80}; expected a number.")
    pairs = metadata["pronouns"].get("pairs")
    if not isinstance(pairs, list) or not pairs or not all(_is_pair(pair) for pair in pairs):
        raise BundleFormatError(f"{path}: pronouns.pairs must be a list of {{'forms': [word, word]}}.")
    for entry in metadata["calibration"]:
        is_complete = _is_pair(entry) and entry.get("context") in ("both", "left")
        temperature = entry.get("temperature") if is_complete else None
        if not isinstance(temperature, int | float) or not 0.01 <= temperature <= 100:
            raise BundleFormatError(
                f"{path}: calibration holds {entry!r:.120}; expected a pair with a context and a temperature."
            )


def _is_pair(entry: object) -> bool:
    forms = entry.get("forms") if isinstance(entry, dict) else None
    return isinstance(forms, list) and len(forms) == 2 and all(isinstance(form, str) and form for form in forms)


def _is_deeper(value: object, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    children = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(child, levels - 1) for child in children)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _verified(folder: Path, name: str, metadata: dict[str, Any]) -> bytes:
    """The bytes of one content file, if they have the size and hash that bundle.json states."""
    record = metadata["files"].get(name)
    if not isinstance(record, dict) or not isinstance(record.get("bytes"), int) or "sha256" not in record:
        raise BundleFormatError(f"{folder}: {METADATA} states no size and SHA-256 for {name}.")
    path = folder / name
    if not path.is_file():
        raise BundleIntegrityError(f"{folder}: {name} is missing.")
    size = path.stat().st_size
    if size != record["bytes"] or size > MAX_FILE_BYTES:
        raise BundleIntegrityError(
            f"{folder}: {name} has {size} bytes, {METADATA} says {record['bytes']}: it was truncated or changed. "
            "Copy the bundle again."
        )
    data = _read(folder, name)
    if hashlib.sha256(data).hexdigest() != record["sha256"]:
        raise BundleIntegrityError(f"{folder}: {name} was changed: its SHA-256 is not the one in {METADATA}.")
    return data


def _read(folder: Path, name: str) -> bytes:
    """The bytes of one file. Raises BundleFormatError for a link that leads out of the bundle."""
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise BundleFormatError(f"{folder}: {name} is a link that leads out of the bundle; copy the file itself there.")
    return path.read_bytes()


def _verified_weights(folder: Path, data: bytes, network: NetworkConfig) -> dict[str, Array]:
    try:
        tensors = safetensors.numpy.load(data)
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError) as error:
        raise BundleContentError(f"{folder}: {WEIGHTS} cannot be read: {error}.") from error
    shapes = weight_shapes(network)
    if set(tensors) != set(shapes):
        missing, extra = sorted(set(shapes) - set(tensors)), sorted(set(tensors) - set(shapes))
        raise BundleContentError(f"{folder}: {WEIGHTS} lacks {missing[:3]} and has {extra[:3]} beyond the network's.")
    for name, shape in shapes.items():
        tensor = tensors[name]
        if tensor.shape != shape or tensor.dtype != STORED_DTYPE:
            raise BundleContentError(
                f"{folder}: tensor {name} is {tensor.dtype} {tensor.shape}; expected float16 {shape}."
            )
        if not np.isfinite(tensor).all():
            raise BundleContentError(f"{folder}: tensor {name} holds values that are not finite.")
    return {name: tensors[name].astype(np.float32) for name in shapes}
