"""A bundle of its own for each test that changes one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.model.reference import HE_SHE
from tests.tiny import tiny_bundle


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("written") / "tiny", calibration=HE_SHE)


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    """A bundle that may be damaged or replaced."""
    return Path(shutil.copytree(written, tmp_path / "tiny"))
