"""Masked words: what is asked, what counts as named, and the n-gram's five."""

from __future__ import annotations

from typing import Any

import pytest

from tests.training.evaluation.fakes import RuleModel
from training.corpus import Document
from training.errors import EvaluationError
from training.evaluation.masked_suite import WORD, evaluate_masked
from training.evaluation.ngram import fit_trigram
from training.mining import Window

TEXT = ["The cat saw the dog.", "", "The dog saw the bird."]
CHOICES = ["the", "The", "cat", "dog", "saw"]


def run(named: Any, *paragraphs: str, limit: int | None = None, **more: Any) -> Any:
    model = RuleModel(lambda *_: 0.0)
    model.named = named
    documents = [Document("book", iter(paragraphs or TEXT))]
    return evaluate_masked(
        model, CHOICES, more.pop("contexts", ("left", "both")), documents, Window(), more.pop("trigram", None), limit
    )


def test_a_word_counts_where_it_is_among_the_five() -> None:
    report = run(lambda text, context: ["the", "dog", "x", "y", "z"]).to_json()
    assert (report["n_words"], report["n_items"], report["n_single_piece"]) == (10, 10, 9)
    column = report["columns"]["model_both"]
    assert (column["top5"], column["top1"]) == (0.4, 0.2)  # "the" and "dog" twice each; "The" is another word
    assert column["single_piece"]["n_items"] == 9
    assert column["single_piece"]["top5"] == pytest.approx(4 / 9, abs=1e-6)


def test_the_best_constant_five_stand_beside() -> None:
    report = run(lambda text, context: []).to_json()
    assert report["columns"]["constant five"]["top5"] == 0.9  # all but one of the words that stand there once
    assert len(report["constant"]) == 5
    assert report["columns"]["model_left"]["top5"] == 0.0


def test_the_n_gram_chooses_from_the_same_words() -> None:
    trigram = fit_trigram(["The cat saw the dog .", "The cat saw the dog ."])
    report = run(lambda text, context: [], "The cat saw the dog.", trigram=trigram).to_json()
    assert report["columns"]["ngram_both"]["top1"] == 1.0
    assert report["columns"]["ngram_left"]["single_piece"]["top5"] == 1.0


def test_a_sample_is_drawn_with_a_seed_and_kept_in_order() -> None:
    texts: list[str] = []
    run(lambda text, context: texts.append(text) or [], limit=3, contexts=("left",))
    again: list[str] = []
    run(lambda text, context: again.append(text) or [], limit=3, contexts=("left",))
    assert len(texts) == 3
    assert texts == again


def test_only_words_of_letters_that_stand_alone_are_masked() -> None:
    text = "'Don't,' said well-known 3rd Mary's Éva, 'go'."
    assert [found[0] for found in WORD.finditer(text)] == ["said", "Éva", "go"]


def test_paragraphs_with_a_blank_are_dropped_and_counted() -> None:
    report = run(lambda text, context: [], "A ___ here.", "The cat.").to_json()
    assert report["dropped"] == {"a blank in the paragraph": 2}
    assert report["n_words"] == 2


def test_text_without_a_word_is_refused() -> None:
    with pytest.raises(EvaluationError, match="no word to mask"):
        run(lambda text, context: [], "1 2 3")
