"""Rules of thumb that answer a story's question without tracking anybody: baselines of the `tracking` suite.

Each knows what a reader who does not understand the story could know: the gender of every name, noun and pronoun before
the blank, and their order. None knows who is the subject. Knows stories; knows no network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from training.evaluation.answers import Answers, Choices
from training.story import Event, Story
from training.words import Gender

Rule = Callable[[Sequence[Event]], Gender | None]
"""What stands before the blank and tells a gender, in the text's order -> the gender answered; None is a tie."""


def nearest_pronoun(events: Sequence[Event]) -> Gender | None:
    """That of the last pronoun."""
    return next((event.gender for event in reversed(events) if event.is_pronoun), None)


def last_noun(events: Sequence[Event]) -> Gender | None:
    """That of the last name or noun."""
    return next((event.gender for event in reversed(events) if not event.is_pronoun), None)


def first_mentioned(events: Sequence[Event]) -> Gender | None:
    """That of the first word that tells one."""
    return events[0].gender if events else None


def bag_of_words(events: Sequence[Event]) -> Gender | None:
    """The one that more names, nouns and pronouns have."""
    n_masculine = sum(event.gender == "masculine" for event in events)
    if 2 * n_masculine == len(events):
        return None
    return "masculine" if 2 * n_masculine > len(events) else "feminine"


RULES: dict[str, Rule] = {
    "nearest_pronoun": nearest_pronoun,
    "last_noun": last_noun,
    "first_mentioned": first_mentioned,
    "bag_of_words": bag_of_words,
}


def rule_answers(rule: Rule, stories: Sequence[Story], right: Choices) -> Answers:
    """A rule's answers to the stories, without probabilities. right: (n,) 0 where the pair's first form is right."""
    margins = np.zeros(len(stories))
    for index, story in enumerate(stories):
        known = [event for event in story.events if event.start < story.start and event.tells_gender]
        answer = rule(known)
        if answer is not None:
            margins[index] = 1.0 if answer == story.gender else -1.0
    return Answers(right, margins, None)
