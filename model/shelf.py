"""Bundles on a shelf: which there are in some folders, and what can be said of each in a line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from model.bundle import CONTENT_FILES, METADATA, WEIGHTS, Bundle
from model.errors import BundleFormatError, ModelNotFoundError
from model.language_model import find_bundle, shipped_folder
from model.structure import weight_shapes

DEFAULT_NAME = "en-lstm"
"""The model that is meant where none is named."""


def bundles_in(folder: Path) -> list[Path]:
    """The folder itself if it is a bundle, else the bundles right inside it, by name; damaged ones too.

    Raises BundleFormatError when there is none.
    """
    if _looks_like_bundle(folder):
        return [folder]
    inside = (
        sorted(path for path in folder.iterdir() if path.is_dir() and _looks_like_bundle(path))
        if folder.is_dir()
        else []
    )
    found = [path for path in inside if path.suffix not in (".new", ".old")]
    if not found:
        raise BundleFormatError(f"{folder} holds no bundle: neither it nor a folder in it has a {METADATA}.")
    return found


def chosen_bundles(name_or_folder: str | None, folders: Sequence[Path]) -> list[Path]:
    """The bundles meant: all in `folders` (the shipped ones where that is empty), or those of a name or folder.

    Raises ModelNotFoundError, BundleFormatError.
    """
    if not name_or_folder and not folders and not any(map(_looks_like_bundle, shipped_folder().glob("*"))):
        raise ModelNotFoundError("no model is shipped with this installation; name a bundle, or give --models DIR.")
    shelf = [
        bundle for folder in folders or ([] if name_or_folder else [shipped_folder()]) for bundle in bundles_in(folder)
    ]
    if not name_or_folder:
        return shelf
    named = [bundle for bundle in shelf if bundle.name == name_or_folder]
    if named:
        return named
    folder = Path(name_or_folder)
    if folder.is_dir():
        return bundles_in(folder)
    if shelf:
        names = ", ".join(bundle.name for bundle in shelf)
        raise ModelNotFoundError(f"there is no model {name_or_folder!r}: neither a folder nor one of {names}.")
    return [find_bundle(name_or_folder)]


def default_of(bundles: Sequence[Path]) -> Path:
    """The one meant where none is named: the only one, else en-lstm, else the first by name."""
    return next((bundle for bundle in bundles if bundle.name == DEFAULT_NAME), min(bundles, key=lambda one: one.name))


def facts_of(folder: Path, bundle: Bundle) -> dict[str, Any]:
    """What a bundle is, in values that JSON takes."""
    network = bundle.network
    return {
        "name": bundle.name,
        "folder": str(folder),
        "sha256": bundle.sha256,
        "network": network.to_json(),
        "tokenizer": bundle.tokenizer.kind,
        "n_parameters": sum(int(np.prod(shape)) for shape in weight_shapes(network).values()),
        "bytes": sum((folder / name).stat().st_size for name in (METADATA, *CONTENT_FILES)),
        "balanced_accuracy": headline(bundle.metadata["metrics"], bundle.pairs[0]),
    }


def headline(metrics: Mapping[str, Any], pair: tuple[str, str]) -> dict[str, Any] | None:
    """Balanced accuracy of the default pair and what it was measured on: evaluated texts before validation.

    None where the bundle records none. Trusts nothing in `metrics`, which anyone may have written.
    """
    name = "/".join(pair)
    reports = _at(metrics, "cloze")
    evaluated = {data: _at(report, "results", "pairs", name, "all") for data, report in _items(reports)}
    in_order = sorted(evaluated.items(), key=lambda item: "test" not in item[0])
    for measured_on, columns in [*in_order, ("validation", _at(metrics, "validation", "pairs", name))]:
        for column, context in (("model_both", "both"), ("both", "both"), ("model_left", "left"), ("left", "left")):
            value = _at(columns, column, "balanced_accuracy")
            if isinstance(value, int | float) and 0 <= value <= 1:
                return {"pair": name, "value": float(value), "context": context, "measured_on": measured_on}
    return None


def _at(value: object, *path: str) -> object:
    """The entry at `path`, or None where something on the way is no object."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _items(value: object) -> Iterable[tuple[str, object]]:
    return value.items() if isinstance(value, Mapping) else ()


def _looks_like_bundle(folder: Path) -> bool:
    """Whether a folder is a bundle or was one; a damaged one must be named, not passed over."""
    return (folder / METADATA).exists() or (folder / WEIGHTS).exists()
