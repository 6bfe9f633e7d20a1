"""`anaphora experiment`: quick runs end to end, the same bytes twice, and clear refusals."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import anaphora
from training.experiments.outcome import QUICK_NOTE
from training.experiments.runner import EXPERIMENTS

ROOT = Path(__file__).resolve().parents[3]
WITHOUT_TEXTS = [name for name in EXPERIMENTS if name != "same"]


@pytest.mark.parametrize("name", WITHOUT_TEXTS)
def test_a_quick_run_writes_a_table_a_page_a_picture_and_the_same_json_twice(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, picture = tmp_path / "out.html", tmp_path / "out.svg"
    files = [tmp_path / "first.json", tmp_path / "second.json"]
    words = ["experiment", name, "--quick", "--seeds", "1"]
    words += [] if name == "identity" else ["--steps", "2"]
    assert anaphora.main([*words, "--json", str(files[0]), "--html", str(page), "--picture", str(picture)]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"experiment {name}: ")
    assert QUICK_NOTE in printed
    assert anaphora.main([*words, "--json", str(files[1])]) == 0
    assert files[0].read_bytes() == files[1].read_bytes()

    content = json.loads(files[0].read_text())
    assert content["experiment"] == name
    assert content["options"]["quick"] is True
    assert content["options"]["seeds"] == 1
    assert {"torch", "numpy", "anaphora"} <= content["versions"].keys()
    assert "seconds" not in json.dumps(content["results"])

    html = page.read_text()
    assert html.count("<svg") >= 1
    assert "<table>" in html
    assert QUICK_NOTE in html
    for outside in ("src=", "<script", "@import", "<link"):
        assert outside not in html

    drawn = ET.parse(picture).getroot()
    assert drawn.find("{http://www.w3.org/2000/svg}title") is not None
    assert picture.stat().st_size < 40_000


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["remember"], "invalid choice: 'remember'"),
        (["memory", "--seeds", "0"], "'0' is not a whole number from 1 to 1000"),
        (["identity", "--steps", "5"], "the experiment identity takes no --steps"),
        (["memory", "--data", "x"], "the experiment memory takes no --data; parameters, same do"),
        (["same", "--data", "x"], "the experiment same needs --valid PATH..."),
        (["parameters", "--data", "-"], "save them to a file first"),
        (["memory", "--picture", "x.png"], "'x.png' should end in .svg"),
        ([], "the following arguments are required: NAME"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_is_right(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert anaphora.main(["experiment", *words]) == 2
    assert message in capsys.readouterr().err


def test_a_folder_that_does_not_exist_is_refused_before_anything_slow(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert anaphora.main(["experiment", "memory", "--json", str(tmp_path / "no" / "out.json")]) == 1
    assert "there is no folder" in capsys.readouterr().err


def test_texts_that_are_not_there_are_told_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert anaphora.main(["experiment", "parameters", "--data", str(tmp_path / "none.txt")]) == 1
    assert "none.txt" in capsys.readouterr().err


def test_the_help_names_every_experiment(capsys: pytest.CaptureFixture[str]) -> None:
    assert anaphora.main(["experiment", "--help"]) == 0
    printed = capsys.readouterr().out
    assert all(f"\n  {name} " in printed for name in EXPERIMENTS)


@pytest.mark.parametrize("picture", sorted((ROOT / "docs" / "pictures").glob("*.svg")), ids=lambda path: path.stem)
def test_the_pictures_of_the_docs_are_small_and_need_nothing_else(picture: Path) -> None:
    assert picture.stem in EXPERIMENTS
    assert picture.stat().st_size < 40_000
    text = picture.read_text(encoding="utf-8")
    ET.fromstring(text)
    assert not re.findall(r"(?:href|src)=\"(?!#)|url\((?!#)|@import|<script", text)
