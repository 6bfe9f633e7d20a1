"""The current subject at every token of a controlled story, and where a new one comes, in either reading order.

Only stories in which one person at a time acts are used (the subject kept, or changed). Where a sentence names several
persons, its own tokens have no subject here; after it, it is the one that the story asks about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import regex

from model.text import normalised
from model.tokenizer import Tokenizer
from training.evaluation.tracking_stories import KEPT, SWITCHED, tracking_questions
from training.pronouns import Pairs
from training.story import Event, Story
from training.words import Gender

MASCULINE, FEMININE, NOBODY = 0, 1, -1
GENDERS: dict[Gender, int] = {"masculine": MASCULINE, "feminine": FEMININE}
OTHER, SAME, AGAIN, ELSEWHERE = (
    "new subject, other gender",
    "new subject, same gender",
    "the subject again",
    "elsewhere",
)
SENTENCE_END = regex.compile(r"(?<!\b(?:Mr|Mrs|Ms))[.!?] ")


@dataclass(frozen=True)
class LabelledStory:
    """A story as one direction reads it."""

    place: str
    """The same for a story and its twin."""
    ids: tuple[int, ...]
    """In reading order, the asked pronoun in its place, <s> and </s> at the ends."""
    texts: tuple[str, ...]
    """The tokens' own words, for a person."""
    subjects: tuple[int, ...]
    """By token: MASCULINE or FEMININE; NOBODY at names and pronouns and where there is no telling."""
    mentions: tuple[tuple[int, str], ...]
    """(token, OTHER, SAME or AGAIN): where the word that tells who is meant has just been read."""
    elsewhere: tuple[int, ...]
    """Tokens that are part of no name or pronoun, <s> and </s> left out."""


def subject_stories(pairs: Pairs, n_stories: int, seed: int) -> list[tuple[str, Story]]:
    """(place, story) of the tracking suite whose subject is kept or changes, `n_stories` of each sort."""
    questions = tracking_questions(pairs, n_stories, seed)
    return [(q.item.place, q.story) for q in questions if q.sort.kind in (KEPT, SWITCHED)]


def labelled(place: str, story: Story, tokenizer: Tokenizer, direction: str) -> LabelledStory:
    """The story's tokens with their labels, in the direction's reading order."""
    text = normalised(story.text)
    assert len(text) == len(story.text), story.text  # a grammar writes nothing that the normaliser would join
    encoding = tokenizer.encode(text)
    ids = [tokenizer.begin_id, *encoding.ids, tokenizer.end_id]
    spans = [(0, 0), *zip(encoding.starts, encoding.ends, strict=True), (len(text), len(text))]
    asked = Event(story.start, story.person, story.gender, True, "pronoun", story.end)
    events = sorted((*story.events, asked), key=lambda event: (event.start, -event.end))
    if direction == "backward":
        ids, spans, events = ids[::-1], spans[::-1], events[::-1]
    subjects, mentions = _walk(text, story, spans, events, direction == "forward")
    inside = [any(_meets(span, event) for event in events) for span in spans]
    elsewhere = [k for k, span in enumerate(spans) if span[0] < span[1] and not inside[k]]
    texts = [text[a:b].strip() or tokenizer.pieces[piece] for piece, (a, b) in zip(ids, spans, strict=True)]
    kept = set(elsewhere)
    return LabelledStory(
        place,
        tuple(ids),
        tuple(texts),
        tuple(subject if k in kept else NOBODY for k, subject in enumerate(subjects)),
        tuple(mentions),
        tuple(elsewhere),
    )


def _walk(
    text: str, story: Story, spans: Sequence[tuple[int, int]], events: Sequence[Event], forward: bool
) -> tuple[list[int], list[tuple[int, str]]]:
    """The subject at each token, and the mentions; both by index in reading order."""
    ends = [found.end() for found in SENTENCE_END.finditer(text)]
    sentence_of = [sum(end <= place for end in ends) for place in range(len(text) + 1)]
    persons: dict[int, set[int]] = {}
    for event in events:
        persons.setdefault(sentence_of[event.start], set()).add(event.person)
    told = {_told_at(text, spans, event, forward): event for event in reversed(events)}
    subject, sentence = NOBODY, -1
    previous: Event | None = None
    seen: set[int] = set()
    subjects: list[int] = []
    mentions: list[tuple[int, str]] = []
    for index, (start, end) in enumerate(spans):
        here = sentence_of[max(start, end - 1)]
        if here != sentence and len(persons.get(sentence, ())) > 1:
            subject = GENDERS[story.gender] if forward else NOBODY
        sentence = here
        crowded = len(persons.get(here, ())) > 1
        new = told.get(index)
        if new is not None:
            if previous is not None and new.person not in seen:
                mentions.append((index, SAME if previous.gender == new.gender else OTHER))
            elif previous is not None and previous.person == new.person:
                mentions.append((index, AGAIN))
            previous = new
            seen.add(new.person)
            if not crowded:
                subject = GENDERS[new.gender]
        subjects.append(NOBODY if crowded else subject)
    return subjects, mentions


def _told_at(text: str, spans: Sequence[tuple[int, int]], event: Event, forward: bool) -> int:
    """Index of the token with which the word that tells who is meant has been read whole.

    Of a name or a title it is the first word, of a noun the last.
    """
    words = [
        (event.start + found.start(), event.start + found.end())
        for found in regex.finditer(r"\S+", text[event.start : event.end])
    ]
    start, end = words[0] if event.called in ("name", "full name", "title") else words[-1]
    place = end - 1 if forward else start
    return next(k for k, (a, b) in enumerate(spans) if a <= place < b)


def _meets(span: tuple[int, int], event: Event) -> bool:
    return span[0] < event.end and event.start < span[1]
