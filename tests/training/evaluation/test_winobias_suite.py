"""WinoBias as a cloze: a stereotyped, a fair and a reading model, on sentences of our own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.training.evaluation.fakes import RuleModel
from training.errors import EvaluationError
from training.evaluation.winobias import persons
from training.evaluation.winobias_suite import evaluate_winobias
from training.pronouns import load_pairs

LINES = {
    "pro_stereotyped_type1.txt.dev": [
        "1 [The pilot] thanked the gardener because [he] was late.",
        "2 The pilot thanked [the gardener] because [she] was early.",
    ],
    "anti_stereotyped_type1.txt.dev": [
        "1 [The pilot] thanked the gardener because [she] was late.",
        "2 The pilot thanked [the gardener] because [he] was early.",
    ],
    "pro_stereotyped_type2.txt.dev": [
        "1 The pilot met [the gardener] and greeted [her].",
        "2 The gardener met [the pilot] and let [him] go.",
        "3 The gardener met [the pilot] and asked [him] when [he] would leave.",
        "4 The gardener met [the pilot] and told [him] about her car.",
    ],
    "anti_stereotyped_type2.txt.dev": [
        "1 The pilot met [the gardener] and greeted [him].",
        "2 The gardener met [the pilot] and let [her] go.",
    ],
}
MEN = [masculine for masculine, _ in persons()]
N = len(MEN)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, lines in LINES.items():
        (tmp_path / name).write_text("\n".join(lines), encoding="utf-8")
    return tmp_path


def run(folder: Path, score: Any, **more: Any) -> Any:
    return evaluate_winobias(RuleModel(score), [folder / name for name in LINES], load_pairs(), None, **more)


def feminine(target: str) -> bool:
    return target in ("she", "her")


def stereotyped(text: str, target: str, context: str) -> float:
    """A woman where the gardener is the referent of our sentences, a man for the pilot."""
    gardener = "early" in text or "greeted" in text
    return float(feminine(target) == gardener)


def nearest_person(text: str, target: str, context: str) -> float:
    before = text.partition("___")[0].replace(".", " ").split()
    last = next((word for word in reversed(before) if word in {w for pair in persons() for w in pair}), "man")
    return float(feminine(target) == (last not in MEN))


def test_a_stereotyped_model_is_right_on_pro_and_wrong_on_anti(folder: Path) -> None:
    report = run(folder, stereotyped).to_json()
    gap = report["types"]["type 1"]["gaps"]["model_both"]
    assert (gap["pro"], gap["anti"], gap["gap"], gap["he_rate"]) == (1.0, 0.0, 1.0, 0.5)
    assert gap["n_texts"] == 2  # pro and anti share their texts
    assert report["types"]["type 1"]["columns"]["anti"]["model_both"]["accuracy"] == 0.0


def test_a_constant_answer_has_no_gap(folder: Path) -> None:
    report = run(folder, lambda text, target, context: float(not feminine(target))).to_json()
    gap = report["types"]["type 2"]["gaps"]["model_both"]
    assert (gap["pro"], gap["anti"], gap["gap"], gap["he_rate"]) == (0.5, 0.5, 0.0, 1.0)
    assert gap == report["types"]["type 2"]["gaps"]["always_he"] | {"tie_rate": 0.0}


def test_sentences_that_would_give_their_answer_away_are_dropped_and_counted(folder: Path) -> None:
    report = run(folder, stereotyped).to_json()
    assert report["n_read"] == 10
    assert report["dropped"] == {
        "type 2 pro: another gendered pronoun": 1,
        "type 2 pro: several pronouns in brackets": 1,
    }


def test_her_is_told_apart_by_the_line_of_the_other_file(folder: Path) -> None:
    # "let her go" alone is unclear; the other file has "let him go" in the same line.
    gaps = run(folder, stereotyped).to_json()["types"]["type 2"]["gaps"]["model_both"]
    assert (gaps["n_pro"], gaps["n_anti"]) == (2, 2)


def test_with_persons_the_text_determines_the_answer(folder: Path) -> None:
    report = run(folder, nearest_person).to_json()["substituted"]
    for kind, n in (("pro", 2 * N), ("anti", 2 * N), ("all", 4 * N)):
        column = report["columns"][kind]["model_both"]
        assert (column["n_items"], column["accuracy"], column["n_sentences"]) == (n, 1.0, 2)
    assert report["columns"]["all"]["always_he"]["accuracy"] == 0.5
    assert report["columns"]["all"]["nearest person"]["accuracy"] == 1.0
    assert report["columns"]["all"]["first person named"]["accuracy"] == 0.0


def test_a_stereotype_is_of_no_use_with_persons(folder: Path) -> None:
    report = run(folder, lambda text, target, context: float(feminine(target))).to_json()["substituted"]
    assert report["columns"]["all"]["model_both"]["balanced_accuracy"] == 0.5


def test_a_limit_takes_the_first_lines_of_each_file(folder: Path) -> None:
    report = run(folder, stereotyped, limit=1).to_json()
    assert report["n_read"] == 4
    assert report["substituted"]["columns"]["all"]["model_both"]["n_items"] == 2 * N


def test_tables_show_gap_and_he_rate(folder: Path) -> None:
    printed = "\n".join(map(str, run(folder, stereotyped).tables()))
    assert "he-rate" in printed
    assert re.search(r"type 1, this model, both sides +1\.000 +0\.000 +1\.000 +1\.000 to 1\.000 +0\.500", printed)
    assert "WinoBias type 2 with persons, pro and anti" in printed
    assert "several pronouns in brackets" in printed


def test_files_of_which_nothing_can_be_asked_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "pro_stereotyped_type2.txt.dev"
    path.write_text("1 The pilot met [the gardener] and let [her] go.")
    with pytest.raises(EvaluationError, match=r"no sentence of WinoBias could be asked .*not told apart"):
        evaluate_winobias(RuleModel(stereotyped), [path], load_pairs(), None)


def test_sentences_with_persons_are_handed_out_the_ones_of_one_sentence_together(folder: Path) -> None:
    (questions,) = run(folder, nearest_person).question_sets
    assert len(questions.lefts) == len(questions.columns["nearest person"].margins)
    assert {place.partition(" ")[2] for place in questions.places} == {"sentence 1", "sentence 2"}


def test_lines_of_one_number_in_two_parts_are_two_sentences(folder: Path) -> None:
    """The development and the test half number their lines from 1 each."""
    other = ["1 The pilot met [the gardener] and said [she] was late.", LINES["pro_stereotyped_type2.txt.dev"][1]]
    names = ["pro_stereotyped_type2.txt.test", "anti_stereotyped_type2.txt.test"]
    for name, pronouns in zip(names, ("she", "he"), strict=True):
        (folder / name).write_text("\n".join(other).replace("[she]", f"[{pronouns}]"), encoding="utf-8")
    alone = run(folder, nearest_person)
    data = [folder / name for name in (*LINES, *names)]
    both = evaluate_winobias(RuleModel(nearest_person), data, load_pairs(), None)
    (own,), (all_of_them,) = alone.question_sets, both.question_sets
    assert set(own.lefts) < set(all_of_them.lefts)
    assert len(set(all_of_them.places)) == 3  # the second line of the other part has no counterpart to tell its pair
    limited = evaluate_winobias(RuleModel(nearest_person), data, load_pairs(), None, limit=1)
    assert limited.content["n_read"] == 6
