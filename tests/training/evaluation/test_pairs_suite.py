"""Minimal pairs scored in both forms, the he/she-only balanced score, and the best fixed preference."""

from __future__ import annotations

import json
from pathlib import Path

from tests.training.evaluation.fakes import RuleModel
from training.evaluation.minimal_pairs import MinimalPair, OnePrefix, read_pairs
from training.evaluation.ngram import fit_trigram
from training.evaluation.pairs_suite import PairsResults, best_preference, evaluate_pairs
from training.pronouns import load_pairs


def pair(good: str, bad: str, phenomenon: str = "gender") -> MinimalPair:
    return MinimalPair(good, bad, phenomenon, "f, line 1")


PAIRS = [
    pair("Anna saw herself.", "Anna saw himself."),
    pair("Mary saw herself.", "Mary saw himself."),
    pair("Tom saw himself.", "Tom saw herself."),
    pair("Tom saw himself.", "Tom saw itself."),
]


def run(pairs: list[MinimalPair] = PAIRS, prefers: str = "himself", **more: object) -> PairsResults:
    language_model = RuleModel(lambda text, target, context: float(target == prefers))
    return evaluate_pairs(language_model, pairs, load_pairs(), None, **more)  # type: ignore[arg-type]


def test_the_cloze_form_is_right_where_the_good_word_scores_higher() -> None:
    column = run().columns["gender"]["cloze_both"]
    assert (column.n_items, column.accuracy, column.tie_rate) == (4, 0.5, 0.0)
    assert run(prefers="itself").columns["gender"]["cloze_both"].tie_rate == 0.75


def test_the_balanced_score_counts_only_himself_against_herself_and_both_alike() -> None:
    results = run()
    assert results.columns["gender"]["cloze_both"].balanced == {"himself/herself": 0.5}
    assert results.n_of_form["gender"] == {"himself/herself": {"himself": 1, "herself": 2}}


def test_the_sentence_form_compares_whole_sentences_by_the_forward_half() -> None:
    # The fake gives a nat a character: "itself" is shorter than "himself", the others tie.
    column = run().columns["gender"]["sentence"]
    assert (column.accuracy, column.tie_rate) == (1.5 / 4, 0.75)


def test_the_sentence_form_can_be_left_out() -> None:
    assert "sentence" not in run(with_sentences=False).columns["gender"]


def test_pairs_of_which_more_than_a_word_differs_have_the_sentence_form_only() -> None:
    results = run([*PAIRS, pair("Anna saw herself.", "Tom saw himself, too.")])
    assert results.n_without_cloze == {"gender": 1}
    assert results.columns["gender"]["cloze_both"].n_items == 4
    assert results.columns["gender"]["sentence"].n_items == 5


def test_phenomena_are_scored_apart() -> None:
    results = run([*PAIRS, pair("They saw themselves.", "They saw itself.", "number")])
    assert [columns["sentence"].n_items for columns in results.columns.values()] == [4, 1]
    assert results.n_of_form["number"] == {}


def test_the_best_fixed_preference_is_what_a_benchmark_gives_away() -> None:
    words = [("herself", "himself")] * 3 + [("himself", "herself")] * 2 + [("himself", "itself")]
    assert best_preference(words) == ["herself", "himself", "itself"]
    results = run()
    assert results.preferences == {"gender": "herself > himself > itself"}
    assert results.columns["gender"]["fixed_preference"].accuracy == 0.75
    assert results.columns["gender"]["fixed_preference"].balanced == {"himself/herself": 0.5}


def test_no_preference_is_sought_among_too_many_words() -> None:
    assert best_preference([(str(number), "x") for number in range(8)]) == []


def test_the_n_gram_has_a_column_for_each_form() -> None:
    trigram = fit_trigram(["Anna saw herself.", "Tom saw himself."] * 3)
    results = evaluate_pairs(RuleModel(lambda *_: 0.0), PAIRS, load_pairs(), trigram)
    columns = results.columns["gender"]
    assert columns["ngram_cloze_left"].accuracy == columns["ngram_sentence"].accuracy
    assert columns["ngram_cloze_both"].n_items == 4


def test_the_table_and_json_hold_every_figure() -> None:
    results = run()
    table = str(results.tables()[0])
    assert table.startswith("gender; fixed preference: herself > himself > itself")
    assert "balanced, himself/herself only (1 + 2 items)" in table
    content = json.loads(json.dumps(results.to_json()))
    assert content["gender"]["columns"]["cloze_both"]["balanced_accuracy"] == {"himself/herself": 0.5}


def test_blimp_s_gender_agreement_gives_0_81_to_a_fixed_preference(shared: Path) -> None:
    path = shared / "benchmarks" / "blimp" / "anaphor_gender_agreement.jsonl"
    lines = [("gender", f"line {n}", line) for n, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)]
    results = run(read_pairs(lines))
    (columns,) = results.columns.values()
    assert columns["fixed_preference"].accuracy == 0.808
    assert columns["fixed_preference"].balanced == {"himself/herself": 0.5}
    assert list(results.n_without_cloze.values()) == [0]


def test_the_one_prefix_method_compares_two_words_after_one_prefix() -> None:
    asked = [
        MinimalPair("The boys run.", "The boy run.", "agreement", "f, line 1", OnePrefix("The boys", "run", "runs")),
        MinimalPair("The boy runs.", "The boys runs.", "agreement", "f, line 2", OnePrefix("The boy", "runs", "run")),
        MinimalPair("He runs.", "He run.", "agreement", "f, line 3"),
    ]
    texts: list[str] = []

    def score(text: str, target: str, context: str) -> float:
        if context == "left":
            texts.append(text)
        return float(target == "run")

    trigram = fit_trigram(["The boys run .", "The boys run .", "The boy runs .", "The boy runs ."])
    results = evaluate_pairs(RuleModel(score), asked, load_pairs(), trigram)
    column = results.columns["agreement"]["one_prefix"]
    assert (column.n_items, column.accuracy) == (2, 0.5)
    assert {"The boys ___", "The boy ___"} <= set(texts)
    assert results.columns["agreement"]["ngram_one_prefix"].accuracy == 1.0
    assert results.to_json()["agreement"]["n_without_one_prefix"] == 1
    assert "one prefix" in str(results.tables()[0])


def test_without_its_fields_there_is_no_one_prefix_column() -> None:
    assert "one_prefix" not in run().columns["gender"]


def test_each_form_is_handed_out_pair_by_pair_and_the_pronouns_by_themselves() -> None:
    sets = {questions.name: questions for questions in run(prefers="himself").question_sets}
    assert list(sets) == ["gender, cloze", "gender, whole sentence", "gender, himself/herself only"]
    cloze, alone = sets["gender, cloze"], sets["gender, himself/herself only"]
    assert (cloze.measure, cloze.forms, cloze.ways) == ("accuracy", None, ["both", "left"])
    assert cloze.columns["model_both"].margins.tolist() == [-1.0, -1.0, 1.0, 1.0]
    assert (alone.measure, alone.forms, alone.gendered) == ("balanced accuracy", ("himself", "herself"), True)
    assert alone.columns["model_both"].right.tolist() == [1, 1, 0]
    assert alone.lefts == ["Anna saw ", "Mary saw ", "Tom saw "]
