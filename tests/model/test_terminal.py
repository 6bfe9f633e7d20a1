"""Answers and bundles as lines: aligned, whole, and printable everywhere."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from model.bundle import read_bundle
from model.cloze import Blank, ClozeResult, JointPrediction, Prediction
from model.terminal import as_json, listed, print_anything, shown, told
from tests.tiny import tiny_bundle


def prediction(word: str, probability: float, log_probability: float = -1.0) -> Prediction:
    return Prediction(word.lower(), word, probability, log_probability, (word,))


def answer(*blanks: list[Prediction], joint: list[tuple[str, str, float]] | None = None, temperature: float = 1.0):
    entries = None if joint is None else tuple(JointPrediction((a, b), p) for a, b, p in joint)
    found = tuple(Blank(0, 3, tuple(predictions)) for predictions in blanks)
    return ClozeResult("___ left.", temperature, (), found, entries, "pseudo" if entries else None)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch):
    """Makes standard output a terminal of an encoding, and returns its bytes."""

    def make(encoding: str) -> io.BytesIO:
        raw = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding, newline="\n"))
        return raw

    return make


def test_an_answer_is_an_aligned_table_with_bars(terminal) -> None:
    terminal("utf-8")
    result = answer([prediction("She", 0.75, -0.5), prediction("日本", 0.249995), prediction("He", 0.000005, -12.25)])
    assert told(result).splitlines() == [
        "___ left.",
        "  word  probability  log-probability",
        "  She        0.7500            -0.50  ███████████████",
        "  日本       0.2500            -1.00  █████",
        "  He        5.0e-06           -12.25",
    ]


def test_several_blanks_have_a_table_each_and_one_together(terminal) -> None:
    terminal("utf-8")
    his, he = [prediction("his", 1.0)], [prediction("he", 1.0)]
    lines = told(answer(his, he, joint=[("his", "he", 1.0)])).splitlines()
    assert [line.split("  ")[1] for line in lines[1::2]] == ["blank 1", "blank 2", "together (pseudo-likelihood)"]
    assert lines[-1].split() == ["his,", "he", "1.0000", "█" * 20]


def test_many_ways_to_fill_are_counted_rather_than_listed(terminal) -> None:
    terminal("utf-8")
    joint = [("his", f"w{number}", 1 / 16) for number in range(16)]
    text = told(answer([prediction("his", 1.0)], [prediction("he", 1.0)], joint=joint))
    assert "w9" in text
    assert "w10" not in text
    assert "and 6 less probable ways" in text


def test_a_calibrated_temperature_is_told(terminal) -> None:
    terminal("utf-8")
    assert told(answer([prediction("he", 1.0)], temperature=1.307)).endswith("calibrated temperature 1.31")


def test_a_terminal_without_unicode_gets_plain_bars_and_escapes(terminal) -> None:
    raw = terminal("ascii")
    print_anything()
    print(told(answer([prediction("é", 1.0)])))
    print(as_json({"word": "é\udcff"}))
    sys.stdout.flush()
    lines = raw.getvalue().decode("ascii").splitlines()
    assert lines[2].split() == ["\\xe9", "1.0000", "-1.00", "#" * 20]
    assert lines[3] == r'{"word": "\u00e9\udcff"}'


def test_a_lone_surrogate_is_printed_as_json_has_it(terminal) -> None:
    raw = terminal("utf-8")
    print_anything()
    print(as_json({"word": "é\udcff"}))
    sys.stdout.flush()
    assert raw.getvalue() == '{"word": "é\\udcff"}\n'.encode()


def test_a_list_is_aligned_and_names_what_is_damaged_below() -> None:
    facts = {
        "name": "en-gru",
        "network": {"cell": "gru", "n_layers": 2, "hidden_size": 384, "direction": "causal", "vocabulary_size": 8192},
        "tokenizer": "subword",
        "bytes": 12_340_000,
        "sha256": "0123456789abcdef",
        "balanced_accuracy": {"pair": "he/she", "value": 0.8125, "context": "both", "measured_on": "test"},
    }
    longer = facts | {"name": "en-gru-longer", "balanced_accuracy": None}
    lines = listed([facts, {"name": "bad", "error": "weights are\x1b[2J missing."}, longer]).splitlines()
    assert [line.split("  ")[0] for line in lines] == ["name", "en-gru", "en-gru-longer", "bad"]
    assert lines[1].endswith("gru   2 x 384 causal  subword 8,192  12.3 MB  0123456789ab  he/she 0.812 (test)")
    assert lines[2].endswith("0123456789ab  -")
    assert lines[0].index("cell") == lines[1].index(" gru ") + 1 == lines[2].index(" gru ") + 1
    assert lines[3] == "bad  cannot be loaded: weights are[2J missing."


def test_one_bundle_is_shown_with_its_facts_and_its_card(tmp_path: Path) -> None:
    calibration = [{"forms": ["he", "she"], "context": "both", "temperature": 1.25}]
    provenance = {"texts": [{}, {}], "command": "x\x1by"}
    folder = tiny_bundle(tmp_path / "tiny", calibration=calibration, provenance=provenance)
    facts, _, card = shown(folder, read_bundle(folder)).partition("\n\n")
    rows = dict(line.split(maxsplit=1) for line in facts.splitlines()[1:] if "  trained on" not in line)
    assert facts.startswith("tiny\n")
    assert rows["structure"] == "2 layers of 6 units, bidirectional"
    assert rows["temperatures"] == "he/she both 1.25"
    assert rows["command"] == "x\ufffdy"
    assert "trained on         2 texts" in facts
    assert card == "# tiny\nRandom weights."
