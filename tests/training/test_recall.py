"""Recall: which places near a pronoun are asked and with what answer, by hand; and a training that begins with it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from model.tokenizer import Tokenizer
from tests.tiny import tiny_contrasts, tiny_tokenizer
from tests.training.tiny_trainer import NewTrainer, nothing
from training import recall
from training.batches import Batch, collate
from training.contrasts import ContrastTable
from training.errors import TrainingConfigError
from training.places import Asked, PlaceFinder
from training.pronouns import Pairs, PronounPair, load_pairs
from training.recall import FARTHEST_SHARE, MOST_A_PRONOUN, NEAREST, Recall

FAR_OFF = 10**6  # steps of a curriculum whose first step asks no farther than NEAREST


def asked_of(kind: str, *texts: str, recalls: bool = True) -> tuple[Tokenizer, Batch, Asked]:
    """What the first step of a long recall asks of these texts, each <s> text </s>."""
    tokenizer, contrasts = tiny_tokenizer(kind), tiny_contrasts(kind)
    rows = [np.array([2, *tokenizer.encode_ids(text), 3]) for text in texts]
    batch = collate(rows, [True] * len(rows), [True] * len(rows))
    finder = PlaceFinder(tokenizer, contrasts, bidirectional=True, least_right_context=0, language_model_share=0.0)
    asked = finder.find(batch, np.random.default_rng(0))
    if recalls:
        asked = Recall(tokenizer, contrasts, 10, FAR_OFF).added(asked, batch, 0, np.random.default_rng(0))
    return tokenizer, batch, asked


def added_to(kind: str, *texts: str) -> list[tuple[int, str, str, bool]]:
    """(row, the text up to the place, the right piece, whether with both sides) of what recall adds, in order."""
    tokenizer, batch, asked = asked_of(kind, *texts)
    n = len(asked_of(kind, *texts, recalls=False)[2].contrast)
    found = []
    for row, time, right, wrong, seen in zip(
        asked.contrast.row[n:],
        asked.contrast.time[n:],
        asked.contrast_right[n:],
        asked.contrast_wrong[n:],
        asked.contrast_seen[n:],
        strict=True,
    ):
        pieces = {tokenizer.pieces[right], tokenizer.pieces[wrong]}
        assert pieces == ({"h", "s"} if kind == "character" else {"▁he", "▁she"})
        begun = "".join(tokenizer.pieces[piece] for piece in batch.ids[row, 1:time]).replace("▁", " ")
        found.append((int(row), begun.strip(), tokenizer.pieces[right].strip("▁"), bool(seen)))
    return sorted(found, key=lambda place: (place[0], len(place[1])))


@pytest.fixture
def all_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of the places is left out for being too many."""
    monkeypatch.setattr(recall, "MOST_A_PRONOUN", 99)


@pytest.mark.usefixtures("all_places")
def test_the_words_around_a_pronoun_are_asked_which_it_was_and_pronouns_are_not() -> None:
    assert added_to("word", "Tom said that he was tired.") == [
        (0, "", "he", True),
        (0, "Tom", "he", True),
        (0, "Tom said", "he", True),
        (0, "Tom said that he", "he", True),
        (0, "Tom said that he was", "he", True),
    ]


@pytest.mark.usefixtures("all_places")
def test_the_answer_is_the_last_pronoun_and_both_sides_count_only_where_they_agree() -> None:
    assert added_to("word", "He saw Mary when she was here. He was tired.") == [
        (0, "He", "he", False),  # she comes next
        (0, "He saw", "he", False),
        (0, "He saw Mary", "he", False),
        (0, "He saw Mary when she", "she", False),
        (0, "He saw Mary when she was", "she", False),
        (0, "He saw Mary when she was here. He", "he", True),
        (0, "He saw Mary when she was here. He was", "he", True),
    ]


def test_few_places_are_asked_beside_each_pronoun() -> None:
    text = "Tom said that he was tired."
    assert len(added_to("word", text)) == MOST_A_PRONOUN == 3
    assert set(added_to("word", text)) < {(0, begun, "he", True) for begun in _beginnings(text)}


def _beginnings(text: str) -> list[str]:
    words = text.split()
    return [" ".join(words[:n]) for n in range(len(words))]


def test_pronouns_of_every_gendered_form_count_and_number_does_not() -> None:
    assert {right for _, _, right, _ in added_to("word", "Mary gave Paul her book.")} == {"she"}
    assert added_to("word", "The house and the station by itself.") == []


def test_a_pronoun_in_another_row_is_not_near() -> None:
    found = added_to("word", "Tom and Mary saw the old house", "Mary was late", "She was", "Tom said")
    assert {row for row, *_ in found} == {2}
    assert added_to("word", "Tom said") == []


@pytest.mark.parametrize("kind", ["word", "subword", "character"])
def test_no_place_is_farther_than_the_step_reaches(kind: str) -> None:
    text = "She was tired. " + "Tom saw the old house and the station and the old door and the book. " * 3
    tokenizer, batch, asked = asked_of(kind, text)
    distances = asked.contrast.time[1:] - asked.contrast.time[0]
    assert len(distances) and distances.max() <= NEAREST
    assert not tokenizer.is_inner(batch.ids)[0, asked.contrast.time[1:]].any()  # starts of words
    assert tokenizer.is_word[batch.ids[0, asked.contrast.time[1:]]].all()


def test_the_reach_grows_to_a_share_of_the_window() -> None:
    recalled = Recall(tiny_tokenizer(), tiny_contrasts(), 100, 4)
    assert [recalled.reach(step) for step in (0, 1, 3, 9)] == [20, 33, 60, 60]
    assert FARTHEST_SHARE * 100 == 60


def test_a_first_pair_that_cannot_be_asked_at_a_words_start_is_refused() -> None:
    tokenizer = tiny_tokenizer("character")
    same_start = Pairs("en", (PronounPair("him/her", ("him", "her")),))
    with pytest.raises(
        TrainingConfigError,
        match="him/her begin with the same piece, or are unknown to the tokenizer; give recall_steps 0",
    ):
        Recall(tokenizer, ContrastTable(same_start, tokenizer), 10, 5)
    number = Pairs("en", (replace(load_pairs().pairs[-1], rivals=()),))
    words = tiny_tokenizer("word")
    with pytest.raises(TrainingConfigError, match="the forms of itself/themselves are no genders"):
        Recall(words, ContrastTable(number, words), 10, 5)
    Recall(words, ContrastTable(number, words), 10, 0)  # nothing to refuse where nothing is asked


def test_a_training_recalls_first_and_then_learns_the_language(new_trainer: NewTrainer) -> None:
    learns_language = []
    trainer = new_trainer(recall_steps=3)
    trainer.run(lambda trainer: learns_language.append("left" in trainer._recent[-1] if trainer._recent else True))
    assert learns_language == [False] * 3 + [True] * 5
    assert trainer.history[-1]["valid_left_nats"] is not None


def test_a_bit_is_kept_where_the_contrast_alone_asks_of_nothing_that_tells(new_trainer: NewTrainer) -> None:
    texts = ["she was late because the old house was here.", "he was late because the old house was here."] * 20
    right = {}
    for recall_steps in (0, 100):
        trainer = new_trainer(
            texts, recall_steps=recall_steps, steps=100, language_model_weight=0.0, fragment_share=0.0
        )
        trainer.run(nothing)
        logged = [row["train_right_left"] for row in trainer.history if "train_right_left" in row]
        right[recall_steps] = logged[-1]
    assert right[0] < 0.6 < 0.8 < right[100]  # 0.875 is all: of four places asked the pronoun's own is told by nothing
