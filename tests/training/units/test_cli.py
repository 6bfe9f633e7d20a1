"""`anaphora units` from its words to its files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import anaphora
from model.bundle import read_bundle
from model.language_model import load
from model.trace import TraceRequest
from tests.tiny import tiny_bundle
from tests.training.units.planted import PLANTED, TEXT, planted_folder

SMALL = ["--stories", "2", "--items", "20", "--top", "2", "--controls", "2", "--random-groups", "2"]


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "texts" / "pronouns.txt"
    path.parent.mkdir()
    path.write_text(TEXT.replace("\n", "\n\n"), encoding="utf-8")
    return path


def run(*words: object) -> int:
    return anaphora.main(["units", *map(str, words)])


def test_tables_json_and_a_page_that_needs_no_internet(
    tmp_path: Path, text: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = planted_folder(tmp_path / "planted", "lstm")
    outputs = ["--json", tmp_path / "out.json", "--html", tmp_path / "out.html"]
    assert run(folder, "--data", text, *SMALL, *outputs) == 0
    printed = capsys.readouterr()
    assert f"layer0.forward:{PLANTED}" in printed.out
    assert "Mean forget gate (1 keeps)" in printed.out
    assert " s\n" in printed.err
    report = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    (of_bundle,) = report["bundles"]
    assert of_bundle["ranking"]["layer0.forward"][0]["unit"] == PLANTED
    assert list(of_bundle["questions"]) == ["mined", "stories"]
    assert of_bundle["bundle"]["sha256"] == load(folder).sha256
    assert report["data"][0]["name"] == "texts/pronouns.txt"
    assert str(tmp_path) not in json.dumps(report)
    page = (tmp_path / "out.html").read_text(encoding="utf-8")
    assert page.count("<svg") >= 5
    assert "<script" not in page
    assert "http" not in page.replace("http://www.w3.org/", "")
    assert str(tmp_path) not in page


def test_the_same_command_writes_the_same_bytes(tmp_path: Path, text: Path) -> None:
    folder = planted_folder(tmp_path / "planted", "gru")
    written = []
    for _ in range(2):
        assert (
            run(folder, "--data", text, *SMALL, "--json", tmp_path / "out.json", "--html", tmp_path / "out.html") == 0
        )
        written.append([(tmp_path / name).read_bytes() for name in ("out.json", "out.html")])
    assert written[0] == written[1]


def test_several_bundles_stand_side_by_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = [planted_folder(tmp_path / cell, cell) for cell in ("lstm", "gru")]
    folders.append(tiny_bundle(tmp_path / "rnn", cell="rnn", direction="causal"))
    assert run(*folders, *SMALL) == 0
    table = capsys.readouterr().out.partition("Bundles side by side")[2]
    rows = {line.split()[0]: line.split() for line in table.splitlines()[2:]}
    assert list(rows) == ["lstm", "gru", "rnn"]
    assert rows["rnn"][-1] == "-"  # a plain RNN has no gate that keeps


def test_bundles_of_one_name_are_told_apart_by_their_hash(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = [tiny_bundle(tmp_path / place / "same", seed=seed) for seed, place in enumerate("ab")]
    page = tmp_path / "units.html"
    assert run(*folders, *SMALL, "--html", page) == 0
    hashes = [read_bundle(folder).sha256 for folder in folders]
    table = capsys.readouterr().out.partition("Bundles side by side")[2]
    for sha256 in hashes:
        assert f"same {sha256[:8]}" in table
        assert f"SHA-256 {sha256}" in page.read_text(encoding="utf-8")


def test_a_recorded_ranking_is_what_traces_show(tmp_path: Path, text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = planted_folder(tmp_path / "planted", "lstm")
    before = load(folder)
    assert run(folder, "--data", text, *SMALL, "--record") == 0
    after = load(folder)
    assert after.sha256 != before.sha256
    assert after.bundle.metadata["earlier_sha256"] == [before.sha256]
    assert after.bundle.gender_units["layer0.forward"][0] == PLANTED
    assert after.bundle.metadata["gender_units"]["measured"]["options"]["stories"] == 2
    site = "layer0.forward.cell_state"
    trace = after.cloze("Tom said that ___ was tired.", trace=TraceRequest((site,), "gender:1")).trace
    assert trace is not None
    assert trace.sites[site].units == (PLANTED,)
    assert anaphora.main(["models", "verify", str(folder)]) == 0
    capsys.readouterr()
    assert anaphora.main(["models", "show", str(folder)]) == 0
    assert f"layer0.forward {PLANTED}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["--items", "7"], 2, "--items 7: expected 8 or more"),
        (["--stories", "3"], 2, "expected an even number"),
        (["--seed", "-1"], 2, "--seed -1: expected 0 or more"),
        (["--threads", "0"], 2, "--threads 0: expected 1 or more"),
        (["--top", "0"], 2, "--top 0: expected 1 or more"),
        (["--random-groups", "1"], 2, "--random-groups 1: expected 2 or more"),
        (["--data", "nowhere.txt"], 1, "nowhere.txt: no such file"),
        (["--json", "nowhere/out.json"], 1, "create it first"),
        (["--pair", "itself/themselves"], 1, "only pairs that tell a gender"),
        (["--pair", "el/ella"], 1, "el/ella"),
    ],
)
def test_wrong_words_are_refused_with_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], status: int, said: str
) -> None:
    folder = planted_folder(tmp_path / "planted", "gru")
    assert run(folder, "--stories", "2", *words) == status
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error


def test_empty_data_and_a_bundle_given_twice_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = planted_folder(tmp_path / "planted", "gru")
    (tmp_path / "empty.txt").write_text("", encoding="utf-8")
    assert run(folder, "--data", tmp_path / "empty.txt", *SMALL) == 1
    assert "no text in" in capsys.readouterr().err
    assert run(folder, folder, *SMALL) == 1
    assert "given twice" in capsys.readouterr().err
