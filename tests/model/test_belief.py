"""Belief at every token: the cloze's own numbers, however the text is cut."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

import numpy as np
import pytest

from model.belief import LONG_RUN, MAX_STRETCH, SLICE_CHARACTERS, BeliefToken
from model.errors import RequestError, TargetError, TargetTooLongError, TextTooLongError
from model.language_model import LanguageModel
from model.text import is_word_character, normalise
from model.tokenizer import MARK
from tests.model.reference import Reference, language_model, softmax
from tests.tiny import SENTENCES

EQUAL = 1e-3
"""Of log-odds over a temperature of 0.5: a plain RNN of random weights enlarges what float32 rounds off, a step a time,
to 2e-4 in the longest text here. Of P where nothing is enlarged, EQUAL / 40."""
SAME = 1e-6
"""Of P in one text cut in two ways: float32 products of other shapes round otherwise, by about 1e-7 a step."""

ODD = (
    "  \ufeff Mary\u2019s  hat\u2014it was\r\n\r\n\r\n\u201cHe said\u2026no.\u201d  And\r\n--\u00a0then she\tgave "
    'e\u0301t\u00e9 to \U0001f469\u200d\U0001f467 q\u0323\u0307x. (\u201cShe\u201d) \u3000was\x1cleft? \' "Tom" ___ '
    "[MASK] \u2581x\u200b\n\u200b\ntoo .\n\u00ad\nthe - - end-\u2010- of it!)]  1\u0338=\u0338 a\u00a0\n b"
)
"""What a normaliser changes in every way, with words the networks know in between."""


def model_of(cell: str, kind: str, direction: str = "bidirectional", calibrated: bool = True) -> LanguageModel:
    return language_model(cell, direction, kind, calibrated=calibrated)


def log_odds(probability: float) -> float:
    return float(np.log(probability) - np.log1p(-probability))


def assert_is_the_cloze(
    model: LanguageModel, text: str, pair: tuple[str, str], tokens: Sequence[BeliefToken]
) -> list[float]:
    """The log-odds that were compared: a probability next to 0 or 1 would hide much."""
    asked = [token for token in tokens if token.probability is not None]
    answers = model.cloze_batch([f"{text[: token.end]} ___" for token in asked], pair, context="left")
    found = []
    for token, answer in zip(asked, answers, strict=True):
        scores = {prediction.target: prediction.log_probability for prediction in answer.blanks[0].predictions}
        expected = (scores[pair[0]] - scores[pair[1]]) / answer.temperature
        assert token.probability is not None
        found.append(log_odds(token.probability))
        assert found[-1] == pytest.approx(expected, abs=EQUAL), token
    return found


@pytest.mark.parametrize("kind", ["subword", "word", "character"])
@pytest.mark.parametrize("cell", ["mlp", "rnn", "gru", "lstm"])
@pytest.mark.parametrize("pair", [("he", "she"), ("himself", "met"), ("Mary's", "Tom Paul")])
def test_belief_is_the_cloze_on_the_text_so_far(cell: str, kind: str, pair: tuple[str, str]) -> None:
    model = model_of(cell, kind)
    text = "\n".join((*SENTENCES[:3], "\n" + SENTENCES[7]))
    tokens = model.belief(text, pair).tokens
    found = assert_is_the_cloze(model, text, pair, tokens)
    assert len(found) > 40
    if cell != "mlp":  # which has no memory to tell one place from another
        assert len({round(value, 3) for value in found}) > 20


@pytest.mark.parametrize("kind", ["subword", "word", "character"])
@pytest.mark.parametrize("pair", [("he", "she"), ("She", "he"), ("met", "Was he")])
def test_belief_is_the_cloze_whatever_the_normaliser_does(kind: str, pair: tuple[str, str]) -> None:
    model = model_of("lstm", kind, "causal")
    for spelling in ("___", "[MASK]"):
        assert spelling in ODD
    text = ODD.replace("___", "--").replace("[MASK]", "[..]")  # a cloze would take them for blanks
    assert len(assert_is_the_cloze(model, text, pair, model.belief(text, pair).tokens)) > 50


def test_belief_is_that_of_the_equations() -> None:
    model = model_of("gru", "subword")
    reference = Reference(model)
    text = "Mary packed her bag. Tom"
    tokens = model.belief(text).tokens
    for token in (one for one in tokens if one.probability is not None and one.end > 0):
        prefix = text[: token.end]
        words = ("He", "She") if prefix.endswith(".") else ("he", "she")
        scores = [reference.score([prefix + " ", ""], [word], "left") for word in words]
        assert token.probability == pytest.approx(softmax(scores, 0.5)[0], abs=EQUAL / 40)


def test_the_calibrated_temperature_of_the_left_context_counts() -> None:
    text = SENTENCES[1]
    plain, calibrated = (model_of("lstm", "subword", calibrated=on).belief(text).tokens for on in (False, True))
    for cold, warm in zip(calibrated, plain, strict=True):
        if warm.probability is not None and cold.probability is not None:
            assert log_odds(cold.probability) == pytest.approx(2 * log_odds(warm.probability), abs=1e-6)  # T = 0.5


def test_the_pair_the_other_way_round_is_the_rest_of_one() -> None:
    model = model_of("lstm", "character")
    one, other = (model.belief(SENTENCES[0], pair).tokens for pair in (("he", "she"), ("she", "he")))
    for a, b in zip(one, other, strict=True):
        assert (a.probability is None) == (b.probability is None)
        if a.probability is not None and b.probability is not None:
            assert a.probability + b.probability == pytest.approx(1, abs=1e-12)


def test_what_comes_later_changes_nothing_before() -> None:
    model = model_of("lstm", "subword")
    short, long = model.belief(SENTENCES[0]).tokens, model.belief(f"{SENTENCES[0]} {SENTENCES[1]}").tokens
    assert [t.probability for t in long[: len(short)]] == pytest.approx([t.probability for t in short], abs=SAME)


@pytest.mark.parametrize("kind", ["subword", "word", "character"])
def test_there_is_no_belief_inside_a_word(kind: str) -> None:
    model = model_of("lstm", kind)
    text = " ".join(SENTENCES)
    tokens = model.belief(text).tokens
    for token in tokens:
        inside = (
            token.end > 0 and all(map(is_word_character, text[token.end - 1 : token.end + 1])) and token.end < len(text)
        )
        is_mark = kind == "subword" and token.text in (" ", MARK)
        assert (token.probability is None) == (inside or is_mark), token


def test_there_is_no_belief_inside_one_character_as_sent() -> None:
    tokens = model_of("gru", "subword").belief("Tom said\u2026 no\n\n\nhe").tokens
    dots = [token.probability is None for token in tokens if token.text == "\u2026"]
    newlines = [token.probability is None for token in tokens if token.text == "\n"]
    assert dots in ([True, True, False], [True] * 3 + [False])  # a mark alone comes first where it is a piece
    assert newlines == [True, False]


def test_the_beginning_is_a_token_of_its_own() -> None:
    model = model_of("lstm", "subword")
    (token,) = model.belief("").tokens
    assert (token.text, token.start, token.end, token.provisional) == ("<s>", 0, 0, False)
    answer = model.cloze("___", ["he", "she"], context="left")
    (expected,) = [p.probability for p in answer.blanks[0].predictions if p.target == "he"]
    assert token.probability == pytest.approx(expected, abs=EQUAL / 40)


@pytest.mark.parametrize("kind", ["subword", "word", "character"])
def test_offsets_are_the_places_in_the_text_as_sent(kind: str) -> None:
    model = model_of("rnn", kind)
    tokens = model.belief(ODD).tokens
    text, encoding = normalise(ODD), model.tokenizer.encode(normalise(ODD).text)
    expected = [text.source_span(a, b) for a, b in zip(encoding.starts, encoding.ends, strict=True)]
    assert [(token.start, token.end) for token in tokens[1:]] == expected
    for token in tokens[1:]:
        if token.text.strip(" \n" + MARK):
            assert token.text == ODD[token.start : token.end]


def in_chunks(model: LanguageModel, chunks: Sequence[str], pair: tuple[str, str]) -> list[BeliefToken]:
    """Every token that was settled, each chunk in a call of its own, and the last call's provisional ones."""
    state, found = None, []
    tokens: tuple[BeliefToken, ...] = ()
    for chunk in chunks:
        belief = model.belief(chunk, pair, state=state)
        tokens, state = belief.tokens, belief.state
        found += [token for token in tokens if not token.provisional]
    return found + [token for token in tokens if token.provisional]


def cut(text: str, places: Sequence[int]) -> list[str]:
    edges = [0, *sorted(places), len(text)]
    return [text[a:b] for a, b in itertools.pairwise(edges)]


def assert_the_same(tokens: Sequence[BeliefToken], whole: Sequence[BeliefToken]) -> None:
    assert [(t.text, t.start, t.end) for t in tokens] == [(t.text, t.start, t.end) for t in whole]
    for one, other in zip(tokens, whole, strict=True):
        assert one.probability == pytest.approx(other.probability, abs=SAME), one


@pytest.mark.parametrize("kind", ["subword", "word", "character"])
@pytest.mark.parametrize(
    ("cell", "pair"), [("lstm", ("he", "she")), ("gru", ("himself", "met")), ("mlp", ("he", "Anna"))]
)
def test_the_numbers_are_the_same_however_the_text_is_cut(cell: str, kind: str, pair: tuple[str, str]) -> None:
    model = model_of(cell, kind)
    text = "\r\n \n" + ODD + "  \r\n\r\n"
    whole = model.belief(text, pair).tokens
    assert_the_same(in_chunks(model, list(text), pair), whole)  # character by character
    chance = random.Random(f"{cell} {kind}")
    for _ in range(25):
        places = chance.choices(range(len(text) + 1), k=chance.randint(2, 16))  # twice the same: an empty chunk
        assert_the_same(in_chunks(model, cut(text, places), pair), whole)


def test_no_single_cut_changes_a_number() -> None:
    model = model_of("gru", "subword")
    whole = model.belief(ODD).tokens
    for place in range(len(ODD)):
        assert_the_same(in_chunks(model, cut(ODD, [place]), ("he", "she")), whole)


@pytest.mark.parametrize("kind", ["subword", "character"])
@pytest.mark.parametrize(
    "run", [" ", "\n", "\r\n", " \r\n\t", "\r", "\r\r\n", "\u200b \u200b", "\n\u200b" * 2 + "\u3000"]
)
def test_long_runs_of_whitespace_are_cut_anywhere_too(kind: str, run: str) -> None:
    model = model_of("gru", kind)
    chance = random.Random(1)
    for before, n_times in (("", 100), ("Mary.", 40), ("Tom", 3)):
        text = before + run * n_times + "\u200b\nhe" + run + "was " + run * 100
        whole = model.belief(text).tokens
        for _ in range(5):
            places = chance.choices(range(len(text) + 1), k=chance.randint(1, 12))
            assert_the_same(in_chunks(model, cut(text, places), ("he", "she")), whole)


def test_a_long_text_is_read_in_slices_with_the_same_numbers() -> None:
    model = model_of("lstm", "word")
    text = " ".join(SENTENCES * 30)
    assert len(text) > 2 * SLICE_CHARACTERS
    stream = model.belief_stream()
    tokens = stream.feed(text) + stream.finish()
    assert_the_same(tokens, in_chunks(model, cut(text, range(0, len(text), 1000)), ("he", "she")))
    assert not any(token.provisional for token in tokens)
    ids = model.tokenizer.encode(normalise(text).text)
    assert len(tokens) == 1 + len(ids)


def test_the_pending_text_does_not_grow() -> None:
    model = model_of("gru", "subword")
    stream = model.belief_stream()
    lengths = []
    for _ in range(200):
        stream.feed(" \n" * 5000)
        stream.feed("Mary was tired")
        lengths.append(len(stream.state))
    assert max(lengths) - min(lengths) <= LONG_RUN


def test_provisional_tokens_come_after_the_last_whitespace_and_come_again() -> None:
    model = model_of("lstm", "subword")
    first = model.belief("Mary was ti")
    assert ["".join(t.text for t in first.tokens if t.provisional == which) for which in (False, True)] == [
        "<s>Marywas",
        "ti",
    ]
    second = model.belief("red.", state=first.state)
    assert second.tokens[0].start == 9
    assert all(token.provisional for token in second.tokens)
    assert second.tokens[-1].probability == pytest.approx(
        model.belief("Mary was tired.").tokens[-1].probability, abs=SAME
    )


def test_looking_at_provisional_tokens_changes_nothing() -> None:
    stream = model_of("lstm", "subword").belief_stream()
    stream.feed("Mary was ti")
    state = stream.state
    assert [t.text for t in stream.provisional()] == [t.text for t in stream.provisional()]
    assert stream.state == state


def test_a_stretch_without_whitespace_is_refused_at_the_same_place_however_it_is_cut() -> None:
    model = model_of("gru", "word")
    for n_letters, fits in ((MAX_STRETCH, True), (MAX_STRETCH + 1, False)):
        text = "Mary was " + "a" * n_letters + " he"
        for size in (1000, 5000, len(text)):
            stream = model.belief_stream()
            chunks = [text[start : start + size] for start in range(0, len(text), size)]
            if fits:
                assert sum(len(stream.feed(chunk)) for chunk in chunks) == 4
                continue
            with pytest.raises(TextTooLongError, match="no whitespace in more than 16,384"):
                for chunk in chunks:
                    before = stream.state
                    stream.feed(chunk)
            assert stream.state == before  # where it stood, so that a caller may go on from there


def test_a_word_the_model_cannot_read_is_named() -> None:
    warnings = model_of("lstm", "word").belief("Mary", ("he", "zebra")).warnings
    assert [warning.type for warning in warnings] == ["unknown_target"]
    assert "'zebra'" in warnings[0].message
    assert model_of("lstm", "word").belief("Mary", ("he", "she")).warnings == ()


@pytest.mark.parametrize(
    ("pair", "error", "words"),
    [
        (("he",), TargetError, "expected two words"),
        (("he", "she", "they"), TargetError, "expected two words"),
        ("he", TargetError, "expected two words"),
        (("he", "he"), TargetError, "two different ones"),
        (("he", "He"), TargetError, "two different ones"),
        (("he", ""), TargetError, "expected two words"),
        (("he", "___"), TargetError, "expected two words"),
        (("he", "a" * 200), TargetTooLongError, "pieces"),
        (("he", "a" * 2049), TargetTooLongError, "2,049 characters long; a target may have at most 2,048"),
    ],
)
def test_a_pair_that_is_none_is_refused(pair: tuple[str, ...], error: type[RequestError], words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        model_of("lstm", "subword").belief("Mary", pair)
    assert caught.value.param == "pair"
    assert "blank" not in str(caught.value)
