"""Ways to damage a bundle, and what loading must then say."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from model.bundle import METADATA, read_bundle
from model.errors import BundleError


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Changes bundle.json."""
    metadata = json.loads((folder / METADATA).read_text())
    change(metadata)
    (folder / METADATA).write_text(json.dumps(metadata))


def replace_file(folder: Path, name: str, data: bytes) -> None:
    """Another content file, with bundle.json telling its true size and hash: as a hostile writer would."""
    (folder / name).write_bytes(data)
    record = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    edit(folder, lambda metadata: metadata["files"].update({name: record}))


def refused(folder: Path, kind: type[BundleError], said: str) -> None:
    with pytest.raises(kind) as error:
        read_bundle(folder)
    assert said in str(error.value)
    assert str(folder) in str(error.value)
    assert len(str(error.value)) < 600
