"""The questions of the `tracking` suite: stories of the measuring grammar, so many of each sort, each beside its twin
of the other genders.

Knows which sorts there are and how they are grouped in a report; asks nobody.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from training.cases import PAIRS
from training.errors import EvaluationError
from training.evaluation.questions import question_at
from training.mining import ClozeItem, Window
from training.names import is_held_out
from training.pronouns import Pairs
from training.stories import load_grammar
from training.story import Story

GRAMMAR = "tracking"
FIRST_WORD = re.compile(r"\w+")
DISTANCES = (0, 5, 10, 20, 50, 100)
"""Filler words, at least, between a subject and the blank."""
SWITCHES = (1, 2, 3, 4, 5)
FILLER_WORDS = (0, 0, 10)
"""Filler words at each place for them in the stories of other kinds, drawn."""
DEFAULT_STORIES = 400
"""Stories of each sort."""
WHOLE = Window(whole_document=True)
"""Stories are shown whole."""
KEPT, SWITCHED, OTHER, SAME = (
    "subject kept",
    "new subject",
    "distractor of the other gender",
    "distractor of the same gender",
)
KINDS = (KEPT, SWITCHED, OTHER, SAME, "role", "role, another between", "object", "reflexive")
FARTHEST = f"subject kept over {DISTANCES[-1]} filler words"
HEADLINES = (FARTHEST, SWITCHED, OTHER)
"""The three figures that stand for the suite."""


@dataclass(frozen=True)
class Sort:
    """Stories that are counted together at the finest."""

    grammar_kind: str
    """What the grammar calls them."""
    kind: str
    """One of KINDS."""
    distance: int | None = None
    """Filler words between the subject and the blank, where that is what is varied."""
    n_switches: int | None = None
    """How often the subject changes, where that is what is varied."""

    @property
    def name(self) -> str:
        """Unique among the sorts."""
        return self.grammar_kind if self.distance is None else f"{self.grammar_kind}, {self.distance} filler words"


SORTS = (
    *(Sort(KEPT, KEPT, distance=distance) for distance in DISTANCES),
    *(Sort(f"{SWITCHED}, {n} switch{'es' if n > 1 else ''}", SWITCHED, n_switches=n) for n in SWITCHES),
    *(Sort(kind, kind) for kind in KINDS[2:]),
)


@dataclass(frozen=True)
class Question:
    """One story and what is asked of it."""

    sort: Sort
    story: Story
    item: ClozeItem
    """Its place is the same for a story and its twin."""

    @property
    def groups(self) -> dict[str, str]:
        """Dimension -> where the question stands in it."""
        groups = {"kind": self.sort.kind, "case": self.story.pair, "called": _called(self.story)}
        if self.sort.distance is not None:
            groups["distance"] = str(self.sort.distance)
        if self.sort.n_switches is not None:
            groups["switches"] = str(self.sort.n_switches)
        if self.sort.kind in (OTHER, SAME):
            groups["distractor"] = "other gender" if self.sort.kind == OTHER else "same gender"
        return groups

    @property
    def headline(self) -> str | None:
        """The one of HEADLINES that the question counts for."""
        if self.sort.kind == KEPT:
            return FARTHEST if self.sort.distance == DISTANCES[-1] else None
        return self.sort.kind if self.sort.kind in HEADLINES else None


def tracking_questions(pairs: Pairs, n_stories: int = DEFAULT_STORIES, seed: int = 0) -> list[Question]:
    """`n_stories` stories of each sort, half of them the twins of the other half, so that every right answer is as
    often masculine as feminine in every group, case by case.

    Raises EvaluationError for an odd number, for one below 2, and for pairs that are not English's.
    """
    if n_stories < 2 or n_stories % 2:
        raise EvaluationError(
            f"{n_stories} stories of each sort; expected an even number, 2 or more: each has its twin."
        )
    names = {pair.name for pair in pairs.pairs}
    if pairs.language != "en" or not set(PAIRS.values()) <= names:
        raise EvaluationError(
            f"the suite tracking asks {', '.join(PAIRS.values())} in English; the bundle's pairs are "
            f"{', '.join(sorted(names))} ({pairs.language})."
        )
    grammar = load_grammar(GRAMMAR, "all")
    questions = []
    for sort in SORTS:
        for number in range(1, n_stories // 2 + 1):
            story_seed = f"{seed}/{sort.name}/{number}"
            filler_words = Random(story_seed).choice(FILLER_WORDS) if sort.distance is None else sort.distance
            for story in grammar.twins(story_seed, sort.grammar_kind, filler_words=filler_words):
                questions.append(Question(sort, story, _item(story, pairs, f"{sort.name}, story {number}")))
    return questions


def _item(story: Story, pairs: Pairs, place: str) -> ClozeItem:
    item = question_at(story.text, story.start, story.end, pairs, WHOLE, place, pairs.named(story.pair))
    assert isinstance(item, ClozeItem), f"{place}: {item}"  # the grammar's tests see to it
    return item


def _called(story: Story) -> str:
    """How the person asked about is called: name, full name, title, noun, kin or role; names that are in no training
    story apart."""
    first = next(event for event in story.events if event.person == story.person)
    word = FIRST_WORD.match(story.text, first.start)
    if word is not None and first.called in ("name", "full name") and is_held_out(word[0]):
        return f"{first.called}, unknown"
    return first.called


def levels(questions: Sequence[Question], dimension: str) -> list[str]:
    """The levels of a dimension that occur, in the order of the sorts; cases in the order of PAIRS."""
    found = dict.fromkeys(question.groups[dimension] for question in questions if dimension in question.groups)
    if dimension == "case":
        return [pair for pair in PAIRS.values() if pair in found]
    return sorted(found) if dimension == "called" else list(found)
