"""The cloze suite: right figures for a model whose answers are known, batches, samples, and what is refused."""

from __future__ import annotations

import math

import pytest

from model.errors import TextTooLongError
from tests.training.evaluation.fakes import RuleModel
from training.corpus import Document
from training.errors import EvaluationError
from training.evaluation import cloze_suite
from training.evaluation.cloze_suite import ALL, ALONE, ClozeResults, evaluate_cloze
from training.evaluation.ngram import fit_trigram
from training.mining import Window
from training.pronouns import load_pairs

TEXT = [
    "Anna said she was late.",
    "Tom said he was late.",
    "Paul left when he saw.",
    "Then she saw her book, and she saw him.",
]
HEADLINE = Window()


def run(language_model: RuleModel, *paragraphs: str, limit: int | None = None, seed: int = 0) -> ClozeResults:
    pairs = load_pairs()
    documents = [Document("book", iter(paragraphs or TEXT))]
    return evaluate_cloze(language_model, documents, pairs, pairs.pairs[:2], HEADLINE, None, limit, seed)


def knows_anna(text: str, target: str, context: str) -> float:
    """he, unless Anna is in the text; a tie with the left context only where it says when."""
    if context == "left" and "when" in text:
        return -1.0
    return {"he": -2.0, "she": -1.0 if "Anna" in text else -3.0, "him": -1.0, "her": -2.0}[target]


def test_each_column_has_the_figures_of_its_answers() -> None:
    results = run(RuleModel(knows_anna))
    columns = results.summaries["he/she"][ALL]
    both, left = columns["model_both"], columns["model_left"]
    # she (Anna) right, he twice right, she twice wrong; with the left context only one he is a tie.
    assert (both.n_items, both.first_accuracy, both.second_accuracy) == (5, 1.0, pytest.approx(1 / 3))
    assert both.balanced_accuracy == pytest.approx(2 / 3)
    assert (left.first_accuracy, left.tie_rate) == (0.75, 0.2)
    assert columns["always_he"].accuracy == 0.4
    assert columns["always_she"].accuracy == 0.6
    assert columns["chance"].tie_rate == 1.0
    assert results.n_scored == {"he/she": {"he": 2, "she": 3}, "him/her": {"him": 1, "her": 0}}


def test_the_subset_without_other_gendered_pronouns_stands_beside_the_whole() -> None:
    results = run(RuleModel(knows_anna))
    assert results.summaries["he/she"][ALONE]["model_both"].n_items == 3
    assert ALONE not in results.summaries["him/her"]


def test_log_loss_uses_the_calibrated_probability_and_accuracy_the_score() -> None:
    results = run(RuleModel(knows_anna, temperature=2.0), "Tom said he was late.")
    summary = results.summaries["he/she"][ALL]["model_both"]
    assert summary.accuracy == 1.0
    assert summary.log_loss_nats == pytest.approx(math.log(1 + math.exp(-0.5)))
    assert results.temperatures == {"he/she": {"left": 2.0, "both": 2.0}}


def test_the_n_gram_stands_beside_the_model_where_there_is_one() -> None:
    pairs = load_pairs()
    documents = [Document("book", iter(TEXT))]
    results = evaluate_cloze(RuleModel(knows_anna), documents, pairs, pairs.pairs[:1], HEADLINE, fit_trigram(TEXT * 2))
    assert set(results.summaries["he/she"][ALL]) >= {"ngram_left", "ngram_both"}


def test_items_are_asked_in_batches_of_similar_length_and_answers_keep_their_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cloze_suite, "BATCH_SIZE", 2)
    language_model = RuleModel(knows_anna)
    assert run(language_model).summaries["he/she"][ALL]["model_both"].balanced_accuracy == pytest.approx(2 / 3)
    assert [
        size for size, context, targets in language_model.asked if targets == ("he", "she") and context == "both"
    ] == [2, 2, 1]


def test_a_limit_takes_a_seeded_sample_of_each_pair_in_reading_order() -> None:
    texts = [f"Number {number} said he was late." for number in range(50)]
    seen: list[list[str]] = []
    for seed in (1, 1, 2):
        asked: list[str] = []
        run(
            RuleModel(lambda text, target, context, asked=asked: float(asked.append(text) or 0)),
            *texts,
            limit=10,
            seed=seed,
        )
        seen.append(list(dict.fromkeys(asked)))
    assert seen[0] == seen[1] != seen[2]
    assert len(seen[0]) == 10


def test_the_table_shows_counts_intervals_ties_and_every_column() -> None:
    table = str(run(RuleModel(knows_anna)).tables()[0])
    assert table.startswith("he/she cloze, all: 5 items (2 he, 3 she)")
    for word in (
        "left only",
        "both sides",
        "always he",
        "always she",
        "chance",
        "95 % interval",
        "tie rate",
        "log-loss",
    ):
        assert word in table


def test_json_is_plain_and_holds_what_was_dropped() -> None:
    content = run(RuleModel(knows_anna)).to_json()
    assert content["pairs"]["he/she"]["all"]["model_both"]["balanced_accuracy"] == 0.666667
    assert content["mining"]["kept"]["his/her"] == {"her": 1}


def test_a_text_without_the_pronouns_is_refused() -> None:
    with pytest.raises(
        EvaluationError, match="no item of he/she, him/her in 1 documents; expected a text with he, she"
    ):
        run(RuleModel(knows_anna), "Nobody here.")


def test_an_item_that_the_language_model_refuses_is_named_never_dropped() -> None:
    def refuse(text: str, target: str, context: str) -> float:
        raise TextTooLongError("5000 tokens; the limit is 4096.")

    with pytest.raises(EvaluationError, match=r"refuses one of 1 items from book, paragraph 1.*the limit is 4096"):
        run(RuleModel(refuse), "Tom said he was late.")
