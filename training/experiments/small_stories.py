"""Short stories of a closed vocabulary as arrays of words, for networks that train in seconds.

The grammar is `training/grammars/small.yaml`, told by the engine of `training/stories.py`. Every question is the words
before a pronoun, and which of he and she is right. Knows words and ids; knows no network.
Letters: B stories, T words of the longest.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from random import Random
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from training.stories import SLOT, Grammar
from training.story import Story

PLACE = "training/grammars/small.yaml"
FORMS = ("he", "she")
"""The two answers, by number."""
WORD = re.compile(r"\w+|[^\w\s]")
PAD = 0
ELSEWHERE, FIRST, NEW_OTHER, NEW_SAME, DISTRACTOR, OUTSIDE = 0, 1, 2, 3, 4, -1
ROLES = {
    NEW_OTHER: "new subject, other gender",
    NEW_SAME: "new subject, same gender",
    DISTRACTOR: "somebody else named",
    ELSEWHERE: "elsewhere",
}
"""What a word can be to the question who the sentence is about. The first subject of a story takes nobody's place."""


@dataclass(frozen=True)
class Questions:
    """Stories up to the word before the pronoun, and what is known of their words."""

    ids: NDArray[np.int64]
    """(B, T) words, PAD after a story's end."""
    lengths: NDArray[np.int64]
    """(B,)"""
    answers: NDArray[np.int64]
    """(B,) 0 he, 1 she."""
    subjects: NDArray[np.int8]
    """(B, T) gender of the subject so far: 0 masculine, 1 feminine, -1 before there is one and after the end."""
    roles: NDArray[np.int8]
    """(B, T) keys of ROLES, FIRST for the first subject, OUTSIDE after the end; at the noun, which tells the gender."""

    def __len__(self) -> int:
        return len(self.lengths)

    def chosen(self, which: NDArray[np.integer[Any]]) -> Questions:
        """Some of them, cut to the longest of these."""
        longest = int(self.lengths[which].max())
        cut = (self.ids[which, :longest], self.subjects[which, :longest], self.roles[which, :longest])
        return Questions(cut[0], self.lengths[which], self.answers[which], cut[1], cut[2])


@lru_cache
def small_grammar() -> Grammar:
    """The grammar of these stories."""
    data = (resources.files("training") / "grammars/small.yaml").read_text(encoding="utf-8")
    return Grammar(yaml.safe_load(data), "training", PLACE)


@lru_cache
def vocabulary() -> dict[str, int]:
    """Word -> id of all words that a story can have, and of the two answers; 0 is no word."""
    grammar = small_grammar()
    nouns = [noun for gender in grammar.casting.nouns.values() for noun in gender]
    lines = [line for _, productions in grammar.rules.values() for line in productions] + list(grammar.fillers)
    written = [word for line in lines for word in WORD.findall(SLOT.sub(" ", line))]
    words = dict.fromkeys([*FORMS, *nouns, *grammar.casting.adjectives, "the", "a", "an", ".", *written])
    return {word: number for number, word in enumerate(words, start=1)}


def memory_questions(seed: str, n: int, filler_words: int | tuple[int, int], *, mostly_few: bool = False) -> Questions:
    """`n` stories of one subject and exactly so many filler words, or as many as are drawn between two bounds.

    `mostly_few`: drawn so that the logarithm of 1 + words is uniform; else each number is as likely.
    """
    least, most = (filler_words, filler_words) if isinstance(filler_words, int) else filler_words

    def kind(random: Random) -> tuple[str, int]:
        if mostly_few:
            return "memory", int(math.exp(random.uniform(math.log(least + 1), math.log(most + 2)))) - 1
        return "memory", random.randint(least, most)

    return _drawn(seed, n, kind)


def switch_questions(seed: str, n: int, switches: Sequence[int], *, alone: bool = False) -> Questions:
    """`n` stories whose subject changes so often, one of `switches` each.

    A person of the other gender than the last subject's stands between it and the blank; `alone`: in half of them
    nobody does.
    """

    def kind(random: Random) -> tuple[str, int]:
        name = f"{random.choice(switches)} switches"
        return (f"{name}, alone" if alone and random.random() < 0.5 else name), random.randint(0, 4)

    return _drawn(seed, n, kind)


def _drawn(seed: str, n: int, sort: Callable[[Random], tuple[str, int]]) -> Questions:
    random, grammar = Random(seed), small_grammar()
    told = []
    for _ in range(n):
        kind, filler_words = sort(random)
        told.append(_read(grammar.story(random, kind, filler_words=filler_words)))
    longest = max(len(ids) for ids, *_ in told)
    shape = (n, longest)
    ids, subjects = np.full(shape, PAD, np.int64), np.full(shape, -1, np.int8)
    roles = np.full(shape, OUTSIDE, np.int8)
    for row, (of_words, of_subjects, of_roles, _) in enumerate(told):
        ids[row, : len(of_words)], subjects[row, : len(of_words)] = of_words, of_subjects
        roles[row, : len(of_words)] = of_roles
    lengths = np.array([len(of_words) for of_words, *_ in told])
    return Questions(ids, lengths, np.array([answer for *_, answer in told]), subjects, roles)


def _read(story: Story) -> tuple[list[int], list[int], list[int], int]:
    """The story's words up to the blank, with subjects and roles, and the answer."""
    known = vocabulary()
    text = story.text[: story.start].lower()
    found = [(match.start(), match[0]) for match in WORD.finditer(text)]
    nouns = {noun for gender in small_grammar().casting.nouns.values() for noun in gender}
    # At the noun of each mention: the person's gender, and whether a sentence opens with it, which makes a subject.
    genders: dict[int, tuple[int, bool]] = {}
    sentences: set[int] = set()
    for event in story.events:
        place = next(n for n, (start, word) in enumerate(found) if start >= event.start and word in nouns)
        sentence = text.count(".", 0, event.start)
        genders[place] = (FORMS.index("he" if event.gender == "masculine" else "she"), sentence not in sentences)
        sentences.add(sentence)
    subject, subjects, roles = -1, [], []
    for place in range(len(found)):
        role = ELSEWHERE
        if place in genders:
            gender, opens = genders[place]
            role = DISTRACTOR if not opens else FIRST if subject < 0 else NEW_SAME if gender == subject else NEW_OTHER
            subject = gender if opens else subject
        subjects.append(subject)
        roles.append(role)
    return [known[word] for _, word in found], subjects, roles, FORMS.index(story.answer)
