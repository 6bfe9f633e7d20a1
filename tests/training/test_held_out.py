"""The close look at the held-out sample: the questions as text, and figures worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tests.tiny import tiny_contrasts, tiny_tokenizer
from training.batches import Batch, collate
from training.held_out import HeldOut, held_out, questions
from training.places import Asked, PlaceFinder
from training.pronouns import load_pairs
from training.validation import Margins

TEXTS = (
    "Anna hurt herself when she was walking to the station.",
    "Tom said that he was tired.\nMary packed her bag because she was leaving.",
    "Tom said that he was tired, and the girl gave it to him.",
)
HE_SHE, HER_BAG = "he/she", "his/her"


def sample(kind: str = "subword", texts: tuple[str, ...] = TEXTS) -> list[tuple[Batch, Asked]]:
    tokenizer = tiny_tokenizer(kind)
    finder = PlaceFinder(
        tokenizer, tiny_contrasts(kind), bidirectional=True, least_right_context=3, language_model_share=0.5
    )
    ids = [np.array([tokenizer.begin_id, *tokenizer.encode_ids(text), tokenizer.end_id]) for text in texts]
    batch = collate(ids, [True] * len(texts), [True] * len(texts))
    return [(batch, finder.find(batch, np.random.default_rng(0)))]


@pytest.mark.parametrize("kind", ["subword", "word", "character"])
def test_a_question_is_its_text_with_the_word_taken_out(kind: str) -> None:
    pairs = load_pairs()
    found = questions(sample(kind), tiny_tokenizer(kind))
    whole = [f"{q.left}{pairs.pairs[q.pair].forms[q.answer]}{q.right}" for q in found]
    assert whole == [TEXTS[0], TEXTS[0], TEXTS[1], TEXTS[1], TEXTS[1], TEXTS[2], TEXTS[2]]
    assert (found[1].left, found[1].right) == ("Anna hurt herself when ", " was walking to the station.")


def looked_at(temperature: float = 1.0) -> HeldOut:
    """The three he/she answered right, a tie, wrong; all else right by one nat."""
    asked = questions(sample(), tiny_tokenizer())
    names = [load_pairs().pairs[q.pair].name for q in asked]
    he_she = iter([2.0, 0.0, -1.0, 3.0])
    values = [next(he_she) if name == HE_SHE else 1.0 for name in names]
    margins = Margins(values, [q.pair for q in asked], [q.answer for q in asked])
    seen = [n for n, q in enumerate(asked) if q.seen]
    both = Margins(*([column[n] for n in seen] for column in (margins.values, margins.pairs, margins.answers)))
    calibration = [{"pair": HE_SHE, "context": "both", "temperature": temperature}]
    return held_out(load_pairs(), tiny_tokenizer(), sample(), {"left": margins, "both": both}, calibration)


def test_distances_are_those_to_a_name_or_noun_of_the_right_gender() -> None:
    found = looked_at()
    left = next(one for one in found.answered if one.pair.name == HE_SHE and one.context == "left")
    # Anna hurt herself when ___: 4; Tom said that ___: 3; Mary packed her bag because ___: 5; Tom said that ___: 3.
    assert found.kinds == ("name", "noun")
    assert list(left.distances) == [4, 3, 5, 3]
    (slice_,) = (s for s in left.slices() if s.n_items)
    assert (slice_.label, slice_.n_of_form, slice_.accuracy) == ("3-5", (2, 2), 2.5 / 4)


def test_confusions_count_what_was_chosen_for_what_was_right() -> None:
    left = next(one for one in looked_at().answered if one.pair.name == HE_SHE and one.context == "left")
    assert left.confusions() == {"he": {"he": 1, "she": 0, "tie": 1}, "she": {"he": 1, "she": 1, "tie": 0}}


def test_the_temperature_changes_what_is_stated_and_nothing_else() -> None:
    plain, flat = (
        next(one for one in looked_at(t).answered if one.pair.name == HE_SHE and one.context == "both")
        for t in (1.0, 2.0)
    )
    assert plain.confusions() == flat.confusions()
    assert plain.reliability()["before"] == flat.reliability()["before"] == plain.reliability()["after"]
    stated = [round(b.stated, 4) for b in flat.reliability()["after"]]
    he = 1 / (1 + np.exp(-3.0 / 2))  # the last: he is right by three nats
    assert round(float(he), 4) in stated


def test_samples_show_the_blank_s_surroundings_the_answer_and_both_probabilities() -> None:
    found = looked_at()
    assert len(found.samples) == 4  # of the first pair alone
    assert [s["answer"] for s in found.samples] == ["she", "he", "she", "he"]
    first = found.samples[0]
    assert (first["left"], first["right"], first["context"]) == (
        "Anna hurt herself when ",
        " was walking to the station.",
        "both",
    )
    assert first["probabilities"] == {"he": pytest.approx(1 / (1 + np.exp(2.0)), abs=1e-4), "she": 0.8808}
    assert found.samples == looked_at().samples


def test_json_holds_every_question() -> None:
    content = looked_at().to_json()
    items = content["pairs"][HE_SHE]["left"]["items"]
    assert items == {"answer": [1, 0, 1, 0], "margin_nats": [2.0, 0.0, -1.0, 3.0], "distance_words": [4, 3, 5, 3]}
    assert set(content["pairs"]) == {HE_SHE, "him/her", HER_BAG, "himself/herself"}


def test_a_sample_without_pronouns_is_looked_at_in_peace() -> None:
    empty = held_out(load_pairs(), tiny_tokenizer(), [], {"left": Margins()}, [])
    assert empty.to_json()["pairs"] == {}
    assert empty.samples == []
