"""The store: what is found, which is the default, and that nothing is served by halves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from model.errors import BundleIntegrityError
from service.errors import ModelsError, NotReadyError, UnknownModelError
from service.store import Store, choose_default, find_bundles
from tests.service.fakes import FakeLanguageModel


def make_bundle(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "bundle.json").write_text("{}")
    return folder


def load_fake(folder: Path) -> Any:
    return FakeLanguageModel(folder.name)


def test_a_folder_is_a_bundle_or_holds_bundles(tmp_path: Path) -> None:
    one, other = make_bundle(tmp_path / "many" / "one"), make_bundle(tmp_path / "many" / "other")
    (tmp_path / "many" / "one.run").mkdir()
    (tmp_path / "many" / "LICENSE").touch()
    single = make_bundle(tmp_path / "single")
    assert find_bundles([tmp_path / "many"]) == [one, other]
    assert find_bundles([single, tmp_path / "many", single]) == [single, one, other]


@pytest.mark.parametrize("name", ["missing", "empty", "a-file"])
def test_a_folder_without_a_bundle_is_refused_by_name(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "a-file").touch()
    with pytest.raises(ModelsError, match=name):
        find_bundles([tmp_path / name])


def test_what_a_crash_left_behind_is_not_served(tmp_path: Path) -> None:
    make_bundle(tmp_path / "one")
    make_bundle(tmp_path / "one.old")
    make_bundle(tmp_path / "one.new")
    assert find_bundles([tmp_path]) == [tmp_path / "one"]
    make_bundle(tmp_path / "two.old")
    with pytest.raises(ModelsError, match="rename it back to two"):
        find_bundles([tmp_path])


def test_a_damaged_bundle_is_not_passed_over(tmp_path: Path) -> None:
    make_bundle(tmp_path / "whole")
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "weights.safetensors").touch()
    assert tmp_path / "damaged" in find_bundles([tmp_path])


def test_the_default_is_the_one_asked_for_else_the_only_one_else_en_lstm_else_the_first() -> None:
    assert choose_default(["a", "b"], "b") == "b"
    assert choose_default(["z"], None) == "z"
    assert choose_default(["a", "en-lstm"], None) == "en-lstm"
    assert choose_default(["b", "a"], None) == "a"
    with pytest.raises(ModelsError, match="'c' is not served; there is a, b"):
        choose_default(["a", "b"], "c")


def test_models_are_found_by_name(tmp_path: Path) -> None:
    make_bundle(tmp_path / "one")
    make_bundle(tmp_path / "two")
    store = Store([tmp_path], "two", load_fake)
    with pytest.raises(NotReadyError):
        store.find(None)
    store.load()
    assert list(store.models) == ["one", "two"]
    assert store.find("one").name == "one"
    assert store.find(None) is store.default is store.models["two"]
    with pytest.raises(UnknownModelError, match="one, two"):
        store.find("three")


def test_two_bundles_of_one_name_are_refused(tmp_path: Path) -> None:
    folders = [make_bundle(tmp_path / parent / "same") for parent in ("a", "b")]
    store = Store(folders, None, load_fake)
    with pytest.raises(ModelsError, match="two bundles are named 'same'"):
        store.load()
    assert not store.is_loaded


@pytest.mark.parametrize("failure", [BundleIntegrityError("weights were changed."), PermissionError("not yours")])
def test_one_bad_bundle_refuses_all_with_its_reason(tmp_path: Path, failure: Exception) -> None:
    def load(folder: Path) -> Any:
        if folder.name == "bad":
            raise failure
        return FakeLanguageModel(folder.name)

    make_bundle(tmp_path / "bad")
    make_bundle(tmp_path / "good")
    store = Store([tmp_path], None, load)
    with pytest.raises(ModelsError, match=str(failure)):
        store.load()
    assert not store.is_loaded


def test_a_model_is_warm_before_it_is_served(tmp_path: Path) -> None:
    make_bundle(tmp_path / "one")
    store = Store([tmp_path], None, load_fake)
    store.load()
    assert store.default.language_model.batches  # type: ignore[attr-defined]
