"""Fitting a bundle's temperatures anew: what changes, what stays, and texts that say too little."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import anaphora
from model.bundle import read_bundle
from tests.training.conftest import TinyRun
from training.calibrate import calibrate
from training.errors import EvaluationError

SURE = "Tom said that he was tired. " * 2 + "Anna said that she was tired. "


@pytest.fixture
def bundle(finished: TinyRun, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished.options.out, tmp_path / "tiny"))


def _texts(tmp_path: Path, n_lines: int) -> Path:
    path = tmp_path / "texts.txt"
    path.write_text("\n".join([SURE] * n_lines), encoding="utf-8")
    return path


def test_temperatures_change_and_weights_and_other_pairs_stay(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = read_bundle(bundle)
    weights = (bundle / "weights.safetensors").read_bytes()
    assert anaphora.main(["calibrate", str(bundle), "--data", str(_texts(tmp_path, 20))]) == 0
    after = read_bundle(bundle)
    assert (bundle / "weights.safetensors").read_bytes() == weights
    entries = {(e["pair"], e["context"]): e for e in after.metadata["calibration"]}
    assert entries["he/she", "both"]["items"] == 60
    assert after.temperature(("he", "she"), "both") == entries["he/she", "both"]["temperature"]
    untouched = [e for e in before.metadata["calibration"] if e["pair"] != "he/she"]
    assert [e for e in after.metadata["calibration"] if e["pair"] != "he/she"] == untouched
    assert before.sha256 in after.metadata["earlier_sha256"]
    assert "he/she" in capsys.readouterr().out


def test_too_few_questions_leave_the_bundle_as_it_is(bundle: Path, tmp_path: Path) -> None:
    before = read_bundle(bundle).sha256
    with pytest.raises(EvaluationError, match="has 50 questions in these texts"):
        calibrate(bundle, [str(_texts(tmp_path, 10))])
    assert read_bundle(bundle).sha256 == before


def test_the_same_texts_and_seed_give_the_same_temperatures(bundle: Path, tmp_path: Path) -> None:
    texts = [str(_texts(tmp_path, 20))]
    first = calibrate(bundle, texts, seed=3)
    assert calibrate(bundle, texts, seed=3) == first
    assert all(np.isfinite(float(str(entry["temperature"]))) for entry in first)
