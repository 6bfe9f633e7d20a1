"""A story as it is told: its text, who is mentioned where, which pronoun is asked and what is right.

Knows texts and persons; knows nothing of how stories are made (stories.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from training.words import Gender


@dataclass(frozen=True)
class Event:
    """A person named, or a pronoun that stands for a person."""

    start: int
    """Code point of the story's text."""
    person: int
    """Number in the story's cast; 0 is the first of it."""
    gender: Gender
    is_pronoun: bool
    called: str
    """How the person is called: name, full name, title, noun, kin or role (`people.py`)."""
    end: int
    """Code point after its last letter; an 's is not part of it."""

    @property
    def tells_gender(self) -> bool:
        """Whether the word itself says the gender: a role ("the teacher") does not."""
        return self.is_pronoun or self.called != "role"


@dataclass(frozen=True)
class Story:
    """One story, its asked pronoun, and what is known of both."""

    kind: str
    """The grammar's name for this sort of story."""
    text: str
    """Whole, every pronoun in its place."""
    start: int
    """Where the asked pronoun stands in the text, code points."""
    end: int
    answer: str
    """The asked pronoun, lower case."""
    pair: str
    """The pronoun pair that is asked, e.g. he/she."""
    gender: Gender
    """Of the person that the asked pronoun stands for."""
    person: int
    """Number of that person in the story's cast; 0 is the first of it."""
    events: tuple[Event, ...]
    """In the text's order, the asked pronoun itself left out."""

    @property
    def question(self) -> str:
        """The text with a blank for the asked pronoun."""
        return f"{self.text[: self.start]}___{self.text[self.end :]}"

    @property
    def distance_words(self) -> int:
        """Words between the last mention (name, noun or pronoun) of the person asked about and the blank."""
        earlier = [e.start for e in self.events if e.start < self.start and e.person == self.person]
        return len(self.text[earlier[-1] : self.start].split()) - 1 if earlier else len(self.text[: self.start].split())

    @property
    def has_distractor(self) -> bool:
        """Whether a person of the other gender stands nearer to the blank than the person asked about."""
        earlier = [e for e in self.events if e.start < self.start]
        return bool(earlier) and earlier[-1].gender != self.gender
