"""Perplexity and bits per character, summed over documents."""

from __future__ import annotations

import math

import pytest

from tests.training.evaluation.fakes import RuleModel
from training.corpus import Document
from training.errors import EvaluationError
from training.evaluation.ngram import fit_trigram
from training.evaluation.perplexity_suite import MAX_LISTED_DOCUMENTS, evaluate_perplexity

MODEL = RuleModel(lambda *_: 0.0)  # a nat a character, a token every two


def documents(*texts: str) -> list[Document]:
    return [Document(f"text{number}", iter(text.split("\n"))) for number, text in enumerate(texts)]


def test_the_sum_is_over_all_tokens_not_a_mean_of_documents() -> None:
    results = evaluate_perplexity(MODEL, documents("abcd", "abcdef\ngh"))
    total = results.total.to_json()
    assert (total["n_tokens"], total["n_characters"], total["n_unknown"]) == (6, 12, 2)
    assert total["perplexity"] == pytest.approx(math.exp(2), abs=1e-6)
    assert total["bits_per_character"] == pytest.approx(1 / math.log(2), abs=1e-6)
    assert list(results.documents) == ["text0", "text1"]


def test_a_limit_takes_the_first_documents() -> None:
    assert evaluate_perplexity(MODEL, documents("abcd", "ab", "ab"), limit=2).n_documents == 2


def test_of_very_many_documents_only_the_first_are_listed() -> None:
    results = evaluate_perplexity(MODEL, documents(*["ab"] * (MAX_LISTED_DOCUMENTS + 5)))
    assert (len(results.documents), results.n_documents) == (MAX_LISTED_DOCUMENTS, MAX_LISTED_DOCUMENTS + 5)
    assert results.total.n_tokens == MAX_LISTED_DOCUMENTS + 5


def test_the_table_says_what_compares_across_tokenizers() -> None:
    table = str(evaluate_perplexity(MODEL, documents("abcd")).tables()[0])
    assert "across tokenizers compare bits per character" in table
    assert "7.389" in table


def test_data_without_a_token_is_refused() -> None:
    with pytest.raises(EvaluationError, match="no token to score"):
        evaluate_perplexity(MODEL, documents("a"))


def test_words_are_what_stands_between_spaces() -> None:
    total = evaluate_perplexity(MODEL, documents("ab, cd\n\nef")).total.to_json()  # 8 characters of one nat each
    assert total["n_words"] == 3
    assert total["perplexity_per_word"] == pytest.approx(math.exp(8 / 3), abs=1e-5)


def test_the_n_gram_reads_the_same_paragraphs() -> None:
    trigram = fit_trigram(["ab cd", "ab cd", "ab ef", "ab ef"])
    results = evaluate_perplexity(MODEL, documents("ab cd\n\nab xy"), None, trigram)
    nats = float(trigram.log_likelihoods(["ab cd", "ab xy"]).sum())
    told = results.to_json()["ngram"]
    assert (told["n_tokens"], told["n_words"], told["n_unknown"]) == (6, 4, 1)  # two words and an end each
    assert told["perplexity"] == pytest.approx(math.exp(-nats / 6), abs=1e-5)
    assert "all, by the n-gram" in str(results.tables()[0])
    assert evaluate_perplexity(MODEL, documents("abcd")).to_json()["ngram"] is None
