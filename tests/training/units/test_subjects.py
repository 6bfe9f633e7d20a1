"""Labels of a story's tokens, checked by hand in both reading orders."""

from __future__ import annotations

from tests.tiny import tiny_tokenizer
from training.pronouns import load_pairs
from training.story import Event, Story
from training.units.subjects import AGAIN, FEMININE, MASCULINE, NOBODY, OTHER, SAME, labelled, subject_stories

TEXT = "Tom was late. Paul was tired. Anna said so because she was old."


def event(word: str, person: int, gender: str, called: str = "name") -> Event:
    start = TEXT.index(word)
    return Event(start, person, gender, called == "pronoun", called, start + len(word))  # type: ignore[arg-type]


STORY = Story(
    "a test",
    TEXT,
    TEXT.index("she"),
    TEXT.index("she") + 3,
    "she",
    "he/she",
    "feminine",
    2,
    (event("Tom", 0, "masculine"), event("Paul", 1, "masculine"), event("Anna", 2, "feminine")),
)
M, F, N = MASCULINE, FEMININE, NOBODY


def words(direction: str) -> tuple[list[tuple[str, int]], list[tuple[str, str]], list[str]]:
    """(word, subject) token by token where a token is a word; mentions; what is elsewhere."""
    told = labelled("a place", STORY, tiny_tokenizer("word"), direction)
    pairs = list(zip(told.texts, told.subjects, strict=True))
    return pairs, [(told.texts[k], kind) for k, kind in told.mentions], [told.texts[k] for k in told.elsewhere]


def test_the_subject_is_the_last_person_read_and_nobody_at_names_and_pronouns() -> None:
    pairs, mentions, elsewhere = words("forward")
    assert [s for _, s in pairs] == [N, N, M, M, M, N, M, M, M, N, F, F, F, N, F, F, F, N]
    assert mentions == [("Paul", SAME), ("Anna", OTHER), ("she", AGAIN)]
    assert elsewhere == ["was", "late", ".", "was", "tired", ".", "said", "so", "because", "was", "old", "."]


def test_backward_the_story_is_read_from_its_end() -> None:
    pairs, mentions, _ = words("backward")
    assert pairs[0][0], pairs[-1][0] == ("</s>", "<s>")
    assert [s for _, s in pairs] == [N, N, N, N, N, F, F, F, N, F, F, F, N, M, M, M, N, N]
    assert mentions == [("Anna", AGAIN), ("Paul", OTHER), ("Tom", SAME)]


def test_a_sentence_with_two_persons_has_no_subject_and_the_asked_one_comes_after_it() -> None:
    text = "Tom was late. Instead of Tom, Anna was tired. So she said."
    start = text.index("she")

    def at(word: str, place: int, person: int, gender: str) -> Event:
        return Event(place, person, gender, False, "name", place + len(word))  # type: ignore[arg-type]

    events = (
        at("Tom", 0, 0, "masculine"),
        at("Tom", text.index("Tom,"), 0, "masculine"),
        at("Anna", text.index("Anna"), 1, "feminine"),
    )
    story = Story("a test", text, start, start + 3, "she", "he/she", "feminine", 1, events)
    told = labelled("a place", story, tiny_tokenizer("word"), "forward")
    by_sentence = text.split(". ")
    n_first = len(by_sentence[0].split()) + 1
    assert list(told.subjects[1 : 1 + n_first]) == [N, M, M, M]
    assert set(told.subjects[1 + n_first : -5]) == {N}
    assert list(told.subjects[-5:]) == [F, N, F, F, N]


def test_every_story_of_the_grammar_is_labelled_and_twins_the_other_way_round() -> None:
    stories = subject_stories(load_pairs(), 2, 0)
    tokenizer = tiny_tokenizer("character")
    for direction in ("forward", "backward"):
        told = [labelled(place, story, tokenizer, direction) for place, story in stories]
        n_labelled = 0
        for one, twin in zip(told[::2], told[1::2], strict=True):
            assert one.place == twin.place
            assert [kind for _, kind in one.mentions] == [kind for _, kind in twin.mentions]
            # the twins' names differ in length, what is neither name nor pronoun does not
            first = [subject for subject in one.subjects if subject != NOBODY]
            assert [1 - subject for subject in twin.subjects if subject != NOBODY] == first
            n_labelled += bool(first)
        assert n_labelled >= 9  # of 11; in the others every sentence names two
