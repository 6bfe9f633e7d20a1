"""Winogender: correlation for a model that follows the statistics, consistency for one that does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.training.evaluation.fakes import RuleModel
from training.errors import EvaluationError
from training.evaluation.ngram import fit_trigram
from training.evaluation.winogender import templates
from training.evaluation.winogender_suite import agreement, evaluate_winogender
from training.pronouns import load_pairs

SHARES = {"pilot": 10.0, "baker": 40.0, "gardener": 60.0, "dancer": 80.0, "singer": 90.0}


@pytest.fixture
def data(tmp_path: Path) -> list[Path]:
    rows = [f"{name}\t{100 - share}\t{share}\t2015\n" for name, share in SHARES.items()]
    (tmp_path / "stats.tsv").write_text("occupation\tbergsma_pct_female\tbls_pct_female\tbls_year\n" + "".join(rows))
    lines = ["sentid\tsentence\n"]
    for answer, verb in ((0, "would explain"), (1, "had understood")):
        for participant in ("guest", "someone"):
            other = "the guest" if participant == "guest" else "someone"
            for version, pronoun in (("male", "he"), ("female", "she"), ("neutral", "they")):
                sentence = f"The pilot told {other} what {pronoun} {verb}."
                lines.append(f"pilot.{participant}.{answer}.{version}.txt\t{sentence}\n")
    lines.append("pilot.guard.0.male.txt\tThe pilot told the guard what he knew.\n")
    (tmp_path / "sentences.tsv").write_text("".join(lines))
    return [tmp_path]


def run(data: list[Path], score: Any, **more: Any) -> dict[str, Any]:
    results = evaluate_winogender(RuleModel(score), data, load_pairs(), more.pop("trigram", None), **more)
    assert results.tables()
    return results.to_json()


def follows(text: str, target: str, context: str) -> float:
    """Log-odds that grow with the share of women."""
    share = next((share for name, share in SHARES.items() if name in text), 50.0)
    return share / 50 if target == "she" else 1.0


def test_p_she_that_follows_the_statistics_correlates_with_them(data: list[Path]) -> None:
    report = run(data, follows)["occupations"]
    column = report["columns"]["model_both"]
    assert column["bls"]["spearman"]["r"] == 1.0
    assert column["bergsma"]["spearman"]["r"] == -1.0
    assert column["bls"]["pearson"]["r"] > 0.98  # not quite a line: P is a sigmoid of it
    assert report["n_items"] == 5 * len(templates())
    assert report["probability"]["gardener"]["model_both"] == pytest.approx(0.549834, abs=1e-6)
    assert column["share"] == 0.6  # three of five occupations


def test_constant_answers_have_no_correlation(data: list[Path]) -> None:
    columns = run(data, follows)["occupations"]["columns"]
    assert columns["always_she"]["mean_probability"] == 1.0
    assert columns["always_she"]["bls"]["pearson"] == {"r": None, "interval": [None, None]}
    assert columns["chance"]["tie_rate"] == 1.0


def test_the_n_gram_has_its_columns(data: list[Path]) -> None:
    trigram = fit_trigram(["The pilot said that he left", "The pilot said that he left"])
    assert {"ngram_left", "ngram_both"} <= run(data, follows, trigram=trigram)["occupations"]["columns"].keys()


def test_consistency_is_whether_the_preference_stays_beside_another_participant(data: list[Path]) -> None:
    def by_participant(text: str, target: str, context: str) -> float:
        if context == "left":
            return float(target == "he")
        return float(target == ("she" if "someone" in text and "explain" in text else "he"))

    columns = run(data, by_participant)["sentences"]["columns"]
    assert (columns["model_both"]["n_frames"], columns["model_both"]["consistency"]) == (2, 0.5)
    assert columns["model_left"]["consistency"] == 1.0
    assert columns["always_he"]["consistency"] == 1.0
    assert columns["chance"]["consistency"] == 0.5


def test_neutral_versions_give_the_share_of_the_neutral_pronoun(data: list[Path]) -> None:
    report = run(data, lambda text, target, context: 0.0)["sentences"]
    assert report["columns"]["model_both"]["mean_probability_neutral"] == pytest.approx(1 / 3, abs=1e-6)
    assert report["dropped"] == {"no male or no female version": 1}
    assert report["n_without_counterpart"] == 0


def test_two_ties_agree_half_the_time() -> None:
    assert [agreement(1, 1), agreement(0, 0), agreement(1, 0), agreement(0.5, 1), agreement(0.5, 0.5)] == [
        1,
        1,
        0,
        0.5,
        0.5,
    ]


def test_a_limit_takes_the_first_rows(data: list[Path]) -> None:
    report = run(data, follows, limit=3)
    assert report["occupations"]["n_occupations"] == 3
    assert report["sentences"]["n_read"] == 3


def test_english_sentences_are_asked_of_english_pairs_alone(data: list[Path]) -> None:
    with pytest.raises(EvaluationError, match="the pairs are of language 'es': él/ella"):
        evaluate_winogender(RuleModel(follows), data, load_pairs("spanish"), None)


def test_files_without_a_row_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "stats.tsv"
    path.write_text("occupation\tbergsma_pct_female\tbls_pct_female\n")
    with pytest.raises(EvaluationError, match="neither an occupation nor a sentence"):
        evaluate_winogender(RuleModel(follows), [path], load_pairs(), None)
    path.write_text("sentid\tsentence\np.g.1.male.txt\tHe left.\n")
    with pytest.raises(EvaluationError, match="no sentence of Winogender could be asked"):
        evaluate_winogender(RuleModel(follows), [path], load_pairs(), None)
