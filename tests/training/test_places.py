"""Places: what is asked of a batch, worked out by hand on a few words for each kind of tokenizer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from model.tokenizer import KINDS, Tokenizer
from tests.tiny import SENTENCES, chosen, tiny_contrasts, tiny_tokenizer
from training.batches import Batch, collate
from training.places import Asked, PlaceFinder, Places

HE_SHE, HIM_HER, HIMSELF_HERSELF = 0, 1, 4  # in training/pairs/english.yaml


def _whole(tokenizer: Tokenizer, *texts: str) -> Batch:
    """Each text as <s> text </s>."""
    rows = [np.array([2, *tokenizer.encode_ids(text), 3]) for text in texts]
    return collate(rows, [True] * len(rows), [True] * len(rows))


def _window(tokenizer: Tokenizer, text: str, *, begins: bool = True) -> Batch:
    """The text as a stream's window: its document goes on after it."""
    row = np.array([2] * begins + tokenizer.encode_ids(text))
    return collate([row], [begins], [False])


def _find(tokenizer: Tokenizer, batch: Batch, *, bidirectional: bool = True, least: int = 0, share: float = 1) -> Asked:
    finder = PlaceFinder(
        tokenizer,
        tiny_contrasts(tokenizer.kind),
        bidirectional=bidirectional,
        least_right_context=least,
        language_model_share=share,
    )
    return finder.find(batch, np.random.default_rng(0))


def _pieces(tokenizer: Tokenizer, ids: Sequence[int] | np.ndarray) -> list[str]:
    return [tokenizer.pieces[i] if i >= 0 else "end" for i in ids]


def _after(places: Places) -> dict[int, int]:
    return dict(zip(places.time.tolist(), places.after.tolist(), strict=True))


def _contrasts(tokenizer: Tokenizer, asked: Asked) -> list[tuple[int, str, str, int, int]]:
    right, wrong = _pieces(tokenizer, asked.contrast_right), _pieces(tokenizer, asked.contrast_wrong)
    columns = asked.contrast.time.tolist(), right, wrong, asked.contrast_pair.tolist(), asked.contrast_answer.tolist()
    return list(zip(*columns, strict=True))


def test_a_word_network_is_asked_each_word_with_what_follows_it() -> None:
    tokenizer = tiny_tokenizer("word")
    asked = _find(tokenizer, _whole(tokenizer, "Mary saw him."))  # <s> ▁Mary ▁saw ▁him . </s>
    assert _after(asked.left) == {1: 2, 2: 3, 3: 4, 4: 5, 5: 6}
    assert _pieces(tokenizer, asked.left_target) == ["▁Mary", "▁saw", "▁him", ".", "</s>"]
    assert _after(asked.both) == {1: 2, 2: 3, 3: 4, 4: 5}  # the text's end is no blank
    assert _pieces(tokenizer, asked.both_target) == ["▁Mary", "▁saw", "▁him", "."]  # a one-piece word has no end to ask


def test_every_piece_of_a_word_is_asked_with_what_follows_the_whole_word() -> None:
    tokenizer = tiny_tokenizer("subword")
    batch = _whole(tokenizer, "Mary hurt herself.")
    assert _pieces(tokenizer, batch.ids[0]) == ["<s>", "▁Mary", "▁h", "u", "rt", "▁herself", ".", "</s>"]
    asked = _find(tokenizer, batch)
    assert _after(asked.left) == {1: 2, 2: 5, 3: 5, 4: 5, 5: 6, 6: 7, 7: 8}
    both = list(zip(asked.both.time.tolist(), asked.both.after.tolist(), asked.both_target.tolist(), strict=True))
    ids = batch.ids[0].tolist()
    assert both[:6] == [(1, 2, ids[1]), (2, 5, ids[2]), (3, 5, ids[3]), (4, 5, ids[4]), (5, 6, ids[5]), (6, 7, ids[6])]
    assert both[6:] == [(5, 5, -1)]  # after "hurt", the one word of several pieces: the backward state is the word's


def test_a_word_after_a_mark_of_its_own_is_seen_whole() -> None:
    tokenizer = tiny_tokenizer("subword")
    batch = _whole(tokenizer, "She packed.")
    assert _pieces(tokenizer, batch.ids[0]) == ["<s>", "▁She", "▁", "p", "ac", "ked", ".", "</s>"]
    asked = _find(tokenizer, batch)
    after = _after(asked.left)
    assert (after[3], after[4], after[5], after[6]) == (6, 6, 6, 7)
    assert asked.both.time[asked.both_target == -1].tolist() == [6]


def test_a_character_network_is_asked_where_every_word_ends() -> None:
    tokenizer = tiny_tokenizer("character")
    asked = _find(tokenizer, _whole(tokenizer, "he is I."))  # <s> h e ▁ i s ▁ I . </s>
    assert _after(asked.left) == {1: 3, 2: 3, 3: 4, 4: 6, 5: 6, 6: 7, 7: 8, 8: 9, 9: 10}
    ends = chosen(asked.both, asked.both_target == -1)
    assert list(zip(ends.time.tolist(), ends.after.tolist(), strict=True)) == [(3, 3), (6, 6), (8, 8)]
    assert _after(chosen(asked.both, asked.both_target >= 0)) == {1: 3, 2: 3, 3: 4, 4: 6, 5: 6, 6: 7, 7: 8, 8: 9}


def test_an_apostrophe_and_a_quote_end_a_word() -> None:
    tokenizer = tiny_tokenizer("character")
    asked = _find(tokenizer, _whole(tokenizer, 'as"is'))  # <s> a s " i s </s>
    assert _after(asked.left) == {1: 3, 2: 3, 3: 4, 4: 6, 5: 6, 6: 7}
    assert asked.both.time[asked.both_target == -1].tolist() == [3, 6]


def test_unknown_pieces_are_words_of_their_own() -> None:
    tokenizer = tiny_tokenizer("character")
    asked = _find(tokenizer, _whole(tokenizer, "hëe"))  # <s> h <unk> e </s>
    assert _pieces(tokenizer, asked.left_target) == ["h", "<unk>", "e", "</s>"]
    assert _after(asked.left) == {1: 2, 2: 3, 3: 4, 4: 5}


def test_a_place_is_asked_with_both_sides_only_where_enough_follows_it() -> None:
    tokenizer = tiny_tokenizer("word")
    text = "Mary said that she was tired and he was late"  # 10 words, places 1 to 10 of 11 tokens
    window = _find(tokenizer, _window(tokenizer, text), least=3)
    assert window.both.time.tolist() == [1, 2, 3, 4, 5, 6, 7]  # after place 7 stand 8, 9 and 10
    assert window.left.time.tolist() == [*range(1, 11)]
    whole = _find(tokenizer, _whole(tokenizer, text), least=3)
    assert whole.both.time.tolist() == [*range(1, 11)]  # a text's real end may be seen


def test_what_follows_is_counted_from_the_word_s_end() -> None:
    tokenizer = tiny_tokenizer("subword")
    batch = _window(tokenizer, "hurt Anna")
    assert _pieces(tokenizer, batch.ids[0]) == ["<s>", "▁h", "u", "rt", "▁Anna"]
    assert _find(tokenizer, batch, least=1).both.time.tolist() == [1, 2, 3]
    assert _find(tokenizer, batch, least=2).both.time.tolist() == []


def test_a_pronoun_is_asked_with_both_sides_only_where_enough_follows_it() -> None:
    tokenizer = tiny_tokenizer("word")
    batch = _window(tokenizer, "Mary said that she was tired and he was late")  # she at 4, he at 8
    assert _find(tokenizer, batch, least=2).contrast_seen.tolist() == [True, True]
    asked = _find(tokenizer, batch, least=3)
    assert asked.contrast.time.tolist() == [4, 8]
    assert asked.contrast_seen.tolist() == [True, False]


@pytest.mark.parametrize("kind", KINDS)
def test_a_pronoun_at_the_end_of_a_window_is_not_counted_as_it_may_go_on(kind: str) -> None:
    tokenizer = tiny_tokenizer(kind)
    assert len(_find(tokenizer, _window(tokenizer, "Mary said that she")).contrast) == 0
    assert len(_find(tokenizer, _whole(tokenizer, "Mary said that she")).contrast) == 1


def test_a_pronoun_whose_kind_depends_on_a_word_that_is_cut_is_not_counted() -> None:
    tokenizer = tiny_tokenizer("word")
    assert len(_find(tokenizer, _window(tokenizer, "Paul saw her in")).contrast) == 0
    asked = _find(tokenizer, _window(tokenizer, "Paul saw her in the"))
    assert _contrasts(tokenizer, asked) == [(3, "▁her", "▁him", HIM_HER, 1)]


@pytest.mark.parametrize("kind", ["subword", "word"])
def test_pronouns_are_found_with_their_counterpart(kind: str) -> None:
    tokenizer = tiny_tokenizer(kind)
    asked = _find(tokenizer, _whole(tokenizer, 'Tom said: "She saw herself", and he was tired.'))
    assert [found[1:] for found in _contrasts(tokenizer, asked)] == [
        ("She", "He", HE_SHE, 1),
        ("▁herself", "▁himself", HIMSELF_HERSELF, 1),
        ("▁he", "▁she", HE_SHE, 0),
    ]


def test_characters_are_asked_at_the_first_letter_that_differs() -> None:
    tokenizer = tiny_tokenizer("character")
    asked = _find(tokenizer, _whole(tokenizer, "he saw herself. She"))
    # <s> h e ▁ s a w ▁ h e r s e l f . ▁ S h e </s>: h|s at 1, e|i at 9 (h is common), S|H at 17
    assert _contrasts(tokenizer, asked) == [
        (1, "h", "s", HE_SHE, 0),
        (9, "e", "i", HIMSELF_HERSELF, 1),
        (17, "S", "H", HE_SHE, 1),
    ]
    assert asked.contrast.after.tolist() == [3, 15, 20]  # the whole word's end, not the letter's


@pytest.mark.parametrize("kind", KINDS)
def test_each_pronoun_stands_where_it_is_asked(kind: str) -> None:
    tokenizer = tiny_tokenizer(kind)
    batch = _whole(tokenizer, *SENTENCES)
    asked = _find(tokenizer, batch)
    assert len(asked.contrast) > 20
    assert batch.ids[asked.contrast.row, asked.contrast.time].tolist() == asked.contrast_right.tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_a_batch_are_asked_what_each_is_asked_alone(kind: str) -> None:
    tokenizer = tiny_tokenizer(kind)
    asked = _find(tokenizer, _whole(tokenizer, *SENTENCES))
    for row, sentence in enumerate(SENTENCES):
        alone = _find(tokenizer, _whole(tokenizer, sentence))
        for ours, theirs, values, their_values in (
            (asked.left, alone.left, asked.left_target, alone.left_target),
            (asked.both, alone.both, asked.both_target, alone.both_target),
            (asked.contrast, alone.contrast, asked.contrast_right, alone.contrast_right),
        ):
            mine = ours.row == row
            assert ours.time[mine].tolist() == theirs.time.tolist()
            assert ours.after[mine].tolist() == theirs.after.tolist()
            assert values[mine].tolist() == their_values.tolist()


def test_a_causal_network_is_asked_nothing_with_both_sides() -> None:
    tokenizer = tiny_tokenizer("subword")
    asked = _find(tokenizer, _whole(tokenizer, *SENTENCES), bidirectional=False)
    assert len(asked.both) == len(asked.both_target) == 0
    assert len(asked.left) == len(_find(tokenizer, _whole(tokenizer, *SENTENCES)).left)


def test_neither_padding_nor_the_begin_is_ever_asked() -> None:
    tokenizer = tiny_tokenizer("subword")
    batch = _whole(tokenizer, *SENTENCES)
    asked = _find(tokenizer, batch)
    assert len(asked.left) == int((batch.lengths - 1).sum())
    for places in (asked.left, asked.both, asked.contrast):
        assert (places.time > 0).all()
        assert (places.time < batch.lengths[places.row]).all()
        assert (places.after <= batch.lengths[places.row]).all()


def test_the_language_model_s_share_of_places_is_drawn_and_every_pronoun_is_kept() -> None:
    tokenizer = tiny_tokenizer("character")
    batch = _whole(tokenizer, *SENTENCES * 4)
    every, some, none = (_find(tokenizer, batch, share=share) for share in (1, 0.25, 0))
    assert 0.2 < len(some.left) / len(every.left) < 0.3
    assert 0.2 < len(some.both) / len(every.both) < 0.3
    assert len(none.left) == len(none.both) == 0
    assert some.contrast.time.tolist() == none.contrast.time.tolist() == every.contrast.time.tolist()


def test_a_first_pronoun_of_a_window_that_carries_on_is_left_out() -> None:
    tokenizer = tiny_tokenizer("word")  # nothing before it is in the batch, so the whole word is not known
    asked = _find(tokenizer, _window(tokenizer, "she said that he was late", begins=False))
    assert asked.contrast.time.tolist() == [3]
