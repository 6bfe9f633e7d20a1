"""GAP as a cloze over all pronouns and by pair."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.training.evaluation.fakes import RuleModel
from tests.training.evaluation.gap_rows import write
from training.errors import EvaluationError
from training.evaluation.gap_suite import evaluate_gap
from training.mining import Window
from training.pronouns import load_pairs

HEADLINE = Window()


def run(path: Path, score: Any, window: Window = HEADLINE, **more: Any) -> Any:
    return evaluate_gap(RuleModel(score), [path], load_pairs(), window, None, **more)


def masculine(text: str, target: str, context: str) -> float:
    return float(target in ("he", "him", "his"))


def test_the_headline_is_over_all_pronouns_and_each_pair_stands_below(tmp_path: Path) -> None:
    report = run(write(tmp_path / "gap.tsv"), masculine).to_json()["cloze"]
    assert list(report["groups"]) == ["all", "he/she", "his/her"]
    every = report["groups"]["all"]
    assert every["n_of_form"] == {"he": 1, "she": 1, "her": 1, "his": 1}
    assert every["columns"]["model_both"]["balanced_accuracy"] == 0.5
    assert every["columns"]["model_both"]["first_accuracy"] == 1.0
    assert every["columns"]["always_he"] | {"log_loss_nats": None, "calibration_error": None} == every["columns"][
        "model_both"
    ] | {"log_loss_nats": None, "calibration_error": None}


def test_what_the_window_cut_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "gap.tsv")
    assert run(path, masculine).to_json()["cloze"]["shown"] == {
        "whole": 4,
        "cut on the left": 0,
        "cut on the right": 0,
    }
    short = run(path, masculine, Window(12, 8)).to_json()["cloze"]["shown"]
    assert short["cut on the left"] == 4
    assert run(path, masculine, Window(12, 8, whole_document=True)).to_json()["cloze"]["shown"]["whole"] == 4


def test_pronouns_that_cannot_be_told_apart_are_dropped_and_counted(tmp_path: Path) -> None:
    rows = [
        ("Ann met Eve and let [her] go.", "Ann", False, "Eve", True),
        ("Bob saw Tom. [He] ran.", "Bob", True, "Tom", False),
    ]
    results = run(write(tmp_path / "gap.tsv", rows), masculine)
    assert results.to_json()["cloze"]["dropped"] == {"her: not told apart": 1}
    assert results.to_json()["coreference"]["n_items"] == 2  # the protocol drops nothing
    printed = "\n".join(map(str, results.tables()))
    assert "GAP as a cloze, all pronouns: 1 he" in printed
    assert "her: not told apart" in printed
    assert "nearest candidate" in printed
    with pytest.raises(EvaluationError, match="no pronoun of GAP could be asked"):
        run(write(tmp_path / "one.tsv", rows[:1]), masculine)


def test_a_bundle_without_the_language_model_objective_answers_the_cloze_alone(tmp_path: Path) -> None:
    report = run(write(tmp_path / "gap.tsv"), masculine, with_coreference=False).to_json()
    assert "model_both" in report["cloze"]["groups"]["all"]["columns"]
    assert not [name for name in report["coreference"]["columns"] if name.startswith("model")]


def test_every_pronoun_is_handed_out_with_everybody_s_answer(tmp_path: Path) -> None:
    (questions,) = run(write(tmp_path / "gap.tsv"), masculine).question_sets
    assert (questions.forms, questions.ways) == (("masculine", "feminine"), ["left", "both"])
    assert len(questions.lefts) == len(questions.places) == len(questions.columns["model_both"].margins) == 4
