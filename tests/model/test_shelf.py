"""Which bundles are meant by a name or a folder, and which figure stands for one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from model import shelf
from model.bundle import read_bundle
from model.errors import BundleFormatError, ModelNotFoundError
from model.shelf import bundles_in, chosen_bundles, default_of, facts_of, headline
from tests.tiny import tiny_bundle

PAIR = ("he", "she")


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in the place of the shipped bundles."""
    folder = tmp_path / "shipped"
    folder.mkdir()
    monkeypatch.setattr(shelf, "shipped_folder", lambda: folder)
    return folder


def bundle_like(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "bundle.json").write_text("{}")
    return folder


def test_a_folder_is_a_bundle_or_holds_bundles_by_name(tmp_path: Path) -> None:
    second, first = bundle_like(tmp_path / "b"), bundle_like(tmp_path / "a")
    (tmp_path / "notes").mkdir()
    assert bundles_in(first) == [first]
    assert bundles_in(tmp_path) == [first, second]


def test_what_a_writer_left_beside_is_no_bundle_of_its_own_but_a_damaged_one_is(tmp_path: Path) -> None:
    whole = bundle_like(tmp_path / "a")
    bundle_like(tmp_path / "a.old")
    bundle_like(tmp_path / "b.new")
    damaged = tmp_path / "c"
    damaged.mkdir()
    (damaged / "weights.safetensors").write_bytes(b"")
    assert bundles_in(tmp_path) == [whole, damaged]


@pytest.mark.parametrize("name", ["", "missing"])
def test_a_folder_without_bundles_is_refused_by_name(name: str, tmp_path: Path) -> None:
    with pytest.raises(BundleFormatError, match="holds no bundle"):
        bundles_in(tmp_path / name)


def test_without_a_name_the_shipped_ones_are_meant_or_those_in_the_folders_given(shipped: Path, tmp_path: Path) -> None:
    ours, theirs = bundle_like(shipped / "en-lstm"), bundle_like(tmp_path / "mine" / "x")
    assert chosen_bundles(None, []) == [ours]
    assert chosen_bundles(None, [tmp_path / "mine"]) == [theirs]


def test_a_name_is_looked_for_in_the_folders_given(shipped: Path, tmp_path: Path) -> None:
    bundle_like(shipped / "en-lstm")
    theirs = bundle_like(tmp_path / "mine" / "x")
    assert chosen_bundles("x", [tmp_path / "mine"]) == [theirs]
    with pytest.raises(ModelNotFoundError, match="'en-lstm': neither a folder nor one of x"):
        chosen_bundles("en-lstm", [tmp_path / "mine"])


def test_nothing_shipped_is_said_so(shipped: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="no model is shipped"):
        chosen_bundles(None, [])


def test_the_default_is_the_only_one_else_en_lstm_else_the_first_by_name() -> None:
    assert default_of([Path("z")]) == Path("z")
    assert default_of([Path("a"), Path("en-lstm")]) == Path("en-lstm")
    assert default_of([Path("b"), Path("a")]) == Path("a")


def test_facts_count_parameters_and_bytes(tmp_path: Path) -> None:
    folder = tiny_bundle(tmp_path / "tiny", cell="gru", direction="causal", n_layers=1)
    facts = facts_of(folder, read_bundle(folder))
    size = facts["network"]["vocabulary_size"]
    gru = 3 * 6 * (5 + 1 + 6 + 1)  # three gates of 6 units: inputs and state, a bias each
    assert facts["n_parameters"] == size * 5 + size + 5 * 6 + 5 + gru
    assert facts["bytes"] == sum(path.stat().st_size for path in folder.iterdir())
    assert facts["balanced_accuracy"] is None


MEASURED = {"left": {"balanced_accuracy": 0.6}, "both": {"balanced_accuracy": 0.7}}
VALIDATION = {"validation": {"pairs": {"he/she": MEASURED}}}


def evaluated(data: str, column: str, value: Any) -> dict[str, Any]:
    return {data: {"results": {"pairs": {"he/she": {"all": {column: {"balanced_accuracy": value}}}}}}}


def test_the_headline_is_of_the_test_texts_before_others_before_validation() -> None:
    validated = {"pair": "he/she", "value": 0.7, "context": "both", "measured_on": "validation"}
    assert headline(VALIDATION, PAIR) == validated
    valid, test = evaluated("valid", "model_both", 0.8), evaluated("test", "model_both", 0.81)
    assert headline(VALIDATION | {"cloze": valid}, PAIR) == validated | {"value": 0.8, "measured_on": "valid"}
    assert headline(VALIDATION | {"cloze": valid | test}, PAIR) == validated | {"value": 0.81, "measured_on": "test"}


def test_the_headline_of_what_reads_only_the_left_says_so() -> None:
    found = headline({"cloze": evaluated("test", "model_left", 0.75)}, PAIR)
    assert found is not None
    assert (found["value"], found["context"]) == (0.75, "left")


@pytest.mark.parametrize(
    "metrics",
    [
        {},
        {"validation": None, "cloze": 3},
        {"validation": {"pairs": ["he/she"]}},
        {"cloze": evaluated("test", "model_both", "0.9")},
        {"cloze": evaluated("test", "model_both", 17)},
        {"cloze": evaluated("test", "model_both", None)},
        {"cloze": {"test": []}},
    ],
)
def test_metrics_of_any_other_shape_have_no_headline(metrics: dict[str, Any]) -> None:
    assert headline(metrics, PAIR) is None
