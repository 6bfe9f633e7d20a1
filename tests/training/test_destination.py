"""Where a bundle may go, and what it is called."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiny import tiny_bundle
from training.destination import bundle_name, check_replaceable
from training.errors import TrainingConfigError


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("models/en-lstm", "en-lstm"),
        ("my model (2)", "my-model--2-"),
        (".hidden", "hidden"),
        ("..-x", "x"),
        ("modèle_1.5", "modèle_1.5"),
        ("!!!", "model"),
        ("x" * 200, "x" * 100),
    ],
)
def test_a_bundle_is_called_after_its_folder(folder: str, expected: str) -> None:
    assert bundle_name(Path(folder)) == expected


def test_a_bundle_may_replace_a_bundle_or_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for out in (tmp_path / "new", tmp_path / "empty", tiny_bundle(tmp_path / "bundle")):
        check_replaceable(out)


@pytest.mark.parametrize("out", [".", "..", "a/.."])
def test_a_folder_without_a_name_of_its_own_is_refused(out: str) -> None:
    with pytest.raises(TrainingConfigError, match="names no folder of its own"):
        check_replaceable(Path(out))


def test_a_file_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(TrainingConfigError, match="exists and is no bundle"):
        check_replaceable(tmp_path / "file")
