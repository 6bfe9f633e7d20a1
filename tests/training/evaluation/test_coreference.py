"""Candidates in the pronoun's place, and GAP's figures by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.training.evaluation.gap_rows import ROWS, write
from training.evaluation.coreference import coreference, figures, is_possessive, substitutions
from training.evaluation.gap import Snippet, read_gap
from training.evaluation.ngram import fit_trigram
from training.mining import Window
from training.pronouns import load_pairs

PAIRS, WINDOW = load_pairs(), Window()


@pytest.fixture
def snippets(tmp_path: Path) -> list[Snippet]:
    return read_gap([write(tmp_path / "gap.tsv")])


class Prefers:
    """Gives what follows Ann and Tom 0 nats, all else -1. `asked` keeps texts and beginnings."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def log_likelihood(self, texts: Sequence[str], given: Sequence[str] | None = None) -> list[Any]:
        assert given is not None
        self.asked += zip(texts, given, strict=True)
        liked = [before.endswith(("Ann", "Ann's", "Tom", "Tom's")) for before in given]
        return [SimpleNamespace(log_probability_nats=0.0 if like else -1.0) for like in liked]


def test_a_name_takes_the_pronoun_s_place_with_an_ending_where_it_is_possessive(snippets: list[Snippet]) -> None:
    assert substitutions(snippets[0], PAIRS, WINDOW) == [
        ("Ann met Eve when Ann", " came home."),
        ("Ann met Eve when Eve", " came home."),
    ]
    assert substitutions(snippets[1], PAIRS, WINDOW)[1] == ("Bob showed Tom Tom's", " garden.")
    assert substitutions(snippets[2], PAIRS, Window(12, 7))[0] == ("lives here. Eve Stone's", " friend")


def test_her_is_possessive_unless_a_pause_follows() -> None:
    assert is_possessive("her", " 1990 album", PAIRS)
    assert is_possessive("Her", " friend", PAIRS)
    assert not is_possessive("her", ".", PAIRS)
    assert not is_possessive("him", " coat", PAIRS)


def test_the_better_candidate_is_predicted_by_what_follows_it(snippets: list[Snippet]) -> None:
    model = Prefers()
    report = coreference(model, snippets, PAIRS, WINDOW, None, seed=0)
    # Ann right, Tom's right, Ann Lee's is not liked: a tie, both FALSE; Tom wrongly TRUE where neither is meant.
    partial = report["columns"]["model_partial"]
    assert partial["overall"] | {"f1_interval": None} == {
        "n_items": 4,
        "precision": pytest.approx(2 / 3, abs=1e-6),
        "recall": pytest.approx(2 / 3, abs=1e-6),
        "f1": pytest.approx(2 / 3, abs=1e-6),
        "f1_interval": None,
    }
    assert (partial["masculine"]["f1"], partial["feminine"]["f1"]) == (
        pytest.approx(2 / 3, abs=1e-6),
        pytest.approx(2 / 3, abs=1e-6),
    )
    assert partial["bias"] == 1.0
    assert partial["tie_rate"] == 0.25
    assert partial["choice"]["n_items"] == 3
    assert partial["choice"]["accuracy"] == pytest.approx(2.5 / 3, abs=1e-6)
    assert (report["n_neither"], report["n_feminine"]) == (1, 2)
    # with the full score both candidates are read after the same beginning
    assert ("Ann met Eve when Ann came home.", "Ann met Eve when") in model.asked
    assert ("Ann met Eve when Eve came home.", "Ann met Eve when") in model.asked


def test_rules_stand_beside_the_model(snippets: list[Snippet]) -> None:
    columns = coreference(None, snippets, PAIRS, WINDOW, None, seed=0)["columns"]
    assert list(columns) == ["random", "always A", "nearest candidate"]
    assert columns["always A"]["choice"]["accuracy"] == pytest.approx(2 / 3, abs=1e-6)
    assert columns["nearest candidate"]["choice"]["accuracy"] == pytest.approx(1 / 3, abs=1e-6)


def test_the_n_gram_scores_what_follows_too(snippets: list[Snippet]) -> None:
    trigram = fit_trigram(["Ann came home .", "Ann came home .", "Eve sat .", "Eve sat ."])
    report = coreference(None, snippets[:1], PAIRS, WINDOW, trigram, seed=0)
    assert report["columns"]["ngram_partial"]["choice"]["accuracy"] == 1.0


def test_a_text_with_a_blank_is_a_tie(tmp_path: Path) -> None:
    text = ("Ann ___ met Eve when [she] came.", "Ann", True, "Eve", False)
    report = coreference(Prefers(), read_gap([write(tmp_path / "gap.tsv", [text])]), PAIRS, WINDOW, None, seed=0)
    assert report["n_not_scored"] == 1
    assert report["columns"]["model_partial"]["tie_rate"] == 1.0
    assert len(ROWS) == 4


def test_figures_count_both_candidates_of_every_text() -> None:
    # TRUE/FALSE predicted: right, wrong, tie; the last text is feminine
    gold = np.array([[True, False], [True, False], [False, True]])
    report = figures(np.array([1.0, -1.0, 0.0]), gold, np.array([False, False, True]), seed=0)
    assert report["overall"]["precision"] == 0.5
    assert report["overall"]["recall"] == pytest.approx(1 / 3, abs=1e-6)
    assert report["overall"]["f1"] == pytest.approx(2 / (2 + 1 + 2), abs=1e-6)
    assert (report["masculine"]["f1"], report["feminine"]["f1"]) == (0.5, 0.0)
    assert report["bias"] == 0.0
    same = figures(np.array([1.0, -1.0, 0.0]), gold, np.array([False, False, True]), seed=0)
    assert same == report
