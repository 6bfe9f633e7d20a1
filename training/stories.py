"""Seeded synthetic stories whose right pronouns are known by construction.

A grammar (`training/grammars/*.yaml`, whose head explains its form) says what stories there are; a story has a cast of
persons with a gender each, and every pronoun in it is written by the person it stands for. One pronoun is the asked
one. Training reads the stories as text (`story_documents`); the `tracking` suite asks them. The two grammars have no
sentence, filler or role in common; they share the lexicon of persons (`words/persons.yaml`).

Knows words; knows neither pieces nor networks.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from importlib import resources
from random import Random
from typing import Any

import yaml

from training.cases import PAIRS, PRONOUNS
from training.corpus import Document
from training.errors import StoryError
from training.names import Part
from training.people import Casting, Person
from training.phrases import PERSON, Phrases
from training.story import Event, Story

MENTION, PRONOUN, ASKED = 0xE000, 0xE100, 0xE200
"""Private characters that mark, while a story is written, what stands at a place: plus the person's number."""
END = 0xE300
"""Marks where a mention or a pronoun that is not asked ends."""
SENTENCE_START = re.compile("((?:^|[.!?][\"']? |\n)[\"']?[\ue000-\ue2ff]*[\"']?)([a-z])")
BEFORE_VOWEL = re.compile(
    r"\b([Aa])(?= (?:[AIOaio](?!ne\b|nce\b)|[Ee](?![uw])|u(?!s[aeiu]|ni|ti)|h(?:eir|our|onest|onou?r)))"
)
"""An article before a word that begins with the sound of a vowel, whoever brought it: an apple, a university."""
SLOT = re.compile(r"\[(?P<rule>[^\]]+)\]|\{(?P<person>[A-Z])(?:\.(?P<form>\w+))?(?P<asked>\?)?\}")
DEEPEST_EXPANSION = 50
"""Rules within rules; a grammar whose rules call themselves for ever is refused there."""


class Grammar:
    """Stories and the rules that write them, from a file. `part`: whose names its persons bear."""

    def __init__(self, data: dict[str, Any], part: Part, place: str) -> None:
        """Raises StoryError, naming `place`, where a story calls a rule or a person that does not exist."""
        self.place = place
        self.casting = Casting(data["people"], part)
        self.stories: list[dict[str, Any]] = data["stories"]
        self.fillers: tuple[str, ...] = tuple(data["fillers"])
        self.rules: dict[str, tuple[list[str], list[str]]] = {}
        for head, productions in data["rules"].items():
            name, *parameters = head.split()
            self.rules[name] = (parameters, _weighted(productions))

    @property
    def kinds(self) -> tuple[str, ...]:
        """The sorts of stories, in the file's order."""
        return tuple(dict.fromkeys(story["kind"] for story in self.stories))

    def story(
        self,
        random: Random,
        kind: str | None = None,
        *,
        filler_words: int | None = None,
        phrases: Phrases = Phrases(),  # noqa: B008 - frozen and empty
    ) -> Story:
        """One story, of that kind or of any; `filler_words`: at least so many at each place for fillers, else drawn.

        `phrases`: of a corpus; where there are some, they take the place of PHRASE_SHARE of the grammar's fillers and
        of the lines of its rules PREDICATES, ENDING and OWN.
        """
        story = self._drawn(random, kind)
        return _Telling(self, random, self.casting.cast(story["cast"], random), filler_words, phrases).tell(story)

    def twins(
        self,
        seed: str,
        kind: str | None = None,
        *,
        filler_words: int | None = None,
        phrases: Phrases = Phrases(),  # noqa: B008 - frozen and empty
    ) -> tuple[Story, Story]:
        """The same story twice, word for word but for who its persons are: in the second everybody has the other
        gender. The rest as of `story`.

        What does not tell a gender therefore stands in both, and cannot give an answer away.
        """
        story = self._drawn(Random(f"{seed}/story"), kind)
        cast = self.casting.cast(story["cast"], Random(f"{seed}/cast"))
        mirrored = self.casting.mirrored(cast, Random(f"{seed}/mirrored cast"))
        first, second = (
            _Telling(self, Random(f"{seed}/text"), each, filler_words, phrases).tell(story) for each in (cast, mirrored)
        )
        return first, second

    def _drawn(self, random: Random, kind: str | None) -> dict[str, Any]:
        chosen = [story for story in self.stories if kind in (None, story["kind"])]
        if not chosen:
            raise StoryError(f"{self.place}: there is no story of kind {kind!r}; there are {', '.join(self.kinds)}.")
        return random.choices(chosen, [entry.get("weight", 1) for entry in chosen])[0]


class _Telling:
    """The writing of one story."""

    def __init__(
        self,
        grammar: Grammar,
        random: Random,
        cast: dict[str, Person],
        filler_words: int | None,
        phrases: Phrases = Phrases(),  # noqa: B008 - frozen and empty
    ) -> None:
        self.phrases = phrases
        self.grammar, self.random, self.cast, self.filler_words = grammar, random, cast, filler_words
        self.persons = list(cast.values())
        self.asked: list[tuple[Person, str]] = []
        self.depth = 0

    def tell(self, story: dict[str, Any]) -> Story:
        written = self._expand(self.random.choice(_weighted(story["text"])), self.cast)
        written = BEFORE_VOWEL.sub(r"\1n", written)
        written = re.sub(r" +", " ", written).replace(" \n", "\n").strip(" ")
        written = SENTENCE_START.sub(lambda found: found[1] + found[2].upper(), written)
        if len(self.asked) != 1:
            raise StoryError(
                f"{self.grammar.place}: a story of kind {story['kind']!r} asks {len(self.asked)} pronouns."
            )
        text, events, start = self._without_marks(written)
        person, form = self.asked[0]
        answer = PRONOUNS[person.gender][form]
        return Story(
            story["kind"],
            text,
            start,
            start + len(answer),
            answer,
            PAIRS[form],
            person.gender,
            self.persons.index(person),
            tuple(events),
        )

    def _without_marks(self, written: str) -> tuple[str, list[Event], int]:
        text: list[str] = []
        events: list[Event] = []
        open_events: list[int] = []  # a pronoun may stand within a mention: her brother
        start = -1
        for character in written:
            mark = ord(character)
            if not MENTION <= mark <= END:
                text.append(character)
            elif mark == END:
                number = open_events.pop()
                events[number] = replace(events[number], end=len(text))
            elif mark >= ASKED:
                start = len(text)
            else:
                number = mark & 0xFF
                person = self.persons[number]
                open_events.append(len(events))
                events.append(Event(len(text), number, person.gender, mark >= PRONOUN, person.kind, len(text)))
        return "".join(text), events, start

    def _expand(self, production: str, people: dict[str, Person]) -> str:
        self.depth += 1
        if self.depth > DEEPEST_EXPANSION:
            raise StoryError(f"{self.grammar.place}: {production!r} expands without an end.")
        expanded = SLOT.sub(lambda slot: self._slot(slot, people), production)
        self.depth -= 1
        return expanded

    def _slot(self, slot: re.Match[str], people: dict[str, Person]) -> str:
        if slot["rule"] is not None:
            return self._rule(slot["rule"], people)
        person = people.get(slot["person"])
        if person is None:
            raise StoryError(f"{self.grammar.place}: {slot[0]} names nobody of {', '.join(people) or 'an empty cast'}.")
        number = self.persons.index(person)
        form = slot["form"]
        if form in PRONOUNS[person.gender]:
            if slot["asked"]:
                self.asked.append((person, form))
                return chr(ASKED + number) + PRONOUNS[person.gender][form]
            return chr(PRONOUN + number) + PRONOUNS[person.gender][form] + chr(END)
        if form not in (None, "s"):
            raise StoryError(f"{self.grammar.place}: {slot[0]} asks for {form!r}; expected s or {', '.join(PAIRS)}.")
        mention, owner = person.mention(self.random)
        if owner is not None:  # her brother
            pronoun = chr(PRONOUN + self.persons.index(owner)) + PRONOUNS[owner.gender]["his"] + chr(END)
            mention = f"{pronoun} {mention}"
        return chr(MENTION + number) + mention + chr(END) + ("'s" if form else "")

    def _rule(self, call: str, people: dict[str, Person]) -> str:
        name, *arguments = call.split()
        if name == "filler":
            return self._fillers()
        if name == PREDICATES and self.phrases.predicates and self.random.random() < PHRASE_SHARE:
            return self.random.choice(self.phrases.predicates)
        if name in (ENDING, OWN) and self.phrases.sentences and self.random.random() < PHRASE_SHARE:
            return self._sentence(people[arguments[0]], asks=name == ENDING)
        if name not in self.grammar.rules:
            raise StoryError(f"{self.grammar.place}: there is no rule {name!r}.")
        parameters, productions = self.grammar.rules[name]
        if len(parameters) != len(arguments) or not people.keys() >= set(arguments):
            raise StoryError(f"{self.grammar.place}: [{call}] does not fit the rule {name} {' '.join(parameters)}.")
        bound = {parameter: people[argument] for parameter, argument in zip(parameters, arguments, strict=True)}
        return self._expand(self.random.choice(productions), bound)

    def _sentence(self, person: Person, *, asks: bool) -> str:
        """A sentence of the corpus about that person; where it `asks`, one of its pronouns is the asked one."""
        sentence = self.random.choice(self.phrases.sentences)
        if asks:
            asked = self.random.choice([slot.end() - 1 for slot in SLOT.finditer(sentence)])
            sentence = f"{sentence[:asked]}?{sentence[asked:]}."
        return self._expand(sentence, {PERSON: person})

    def _fillers(self) -> str:
        """Sentences without persons: none, or as many words as one of FILLER_WORDS allows."""
        wanted = self.filler_words
        if wanted is None:
            near, far, farthest = (self.random.randint(*bounds) for bounds in FILLER_WORDS)
            wanted = self.random.choice((0, 0, near, far, farthest))
        sentences: list[str] = []
        while sum(len(sentence.split()) for sentence in sentences) < wanted:
            if self.phrases.fillers and self.random.random() < PHRASE_SHARE:
                sentences.append(self.random.choice(self.phrases.fillers))
            else:
                sentences.append(self._expand(self.random.choice(self.grammar.fillers), {}))
        return "".join(f" {sentence}" for sentence in sentences)


def _weighted(productions: Any) -> list[str]:
    """Productions as a list; one that begins with a number and `*` stands there so often."""
    lines = [productions] if isinstance(productions, str) else productions
    weighted: list[str] = []
    for line in lines:
        times, star, rest = line.partition("* ")
        weighted += [rest] * int(times) if star and times.isdigit() else [line]
    return weighted


@lru_cache
def load_grammar(name: str, part: Part) -> Grammar:
    """A shipped grammar by its name, with the shared lexicon of persons. Raises StoryError."""
    data, *additions = [yaml.safe_load(_file(path)) for path in grammar_files(name)]
    for added in additions:
        data["stories"] += added.get("stories", [])
        data["fillers"] += added.get("fillers", [])
        for head, productions in added.get("rules", {}).items():
            data["rules"].setdefault(head, []).extend(productions)
    data["people"] |= yaml.safe_load(_file(PERSONS))
    return Grammar(data, part, f"training/grammars/{name}.yaml")


def grammar_files(name: str) -> list[str]:
    """A shipped grammar's file, and those named after it ("training-scenes.yaml"), whose lines are added to its own."""
    files = sorted(entry.name for entry in (resources.files("training") / "grammars").iterdir())
    return [f"grammars/{name}.yaml", *(f"grammars/{file}" for file in files if file.startswith(f"{name}-"))]


def _file(path: str) -> bytes:
    return (resources.files("training") / path).read_bytes()


TRAINING_GRAMMAR = "training"
PREDICATES = "did"
"""The rule of a grammar whose lines say what somebody did, for which a corpus's predicates can stand."""
ENDING, OWN = "ending", "own"
"""The rules whose lines say more of a person by pronouns alone, asked and not asked, for which a corpus's sentences can
stand."""
PHRASE_SHARE = 0.45
"""How often a filler, a predicate or a sentence about somebody is one of the corpus, where it offers some."""
FILLER_WORDS = ((1, 20), (20, 60), (60, 115))
"""Near, far, farthest: least and most words of fillers in one place. A preset's window holds the farthest."""
PERSONS = "words/persons.yaml"
"""Nouns and kin, which every grammar shares."""
SINGLE_SHARE = 0.35
"""Share of the training documents that are one story alone, so that short texts from a fresh state are seen."""


def grammar_sha256(name: str = TRAINING_GRAMMAR) -> str:
    """Of a shipped grammar and the lexicon of persons: what its stories depend on beside the seed."""
    return hashlib.sha256(b"".join(map(_file, [*grammar_files(name), PERSONS]))).hexdigest()


def story_documents(
    n_documents: int,
    seed: int,
    phrases: Phrases = Phrases(),  # noqa: B008 - frozen and empty
    longest_words: int = 130,
) -> Iterator[Document]:
    """Documents for training: one story, or as many, a paragraph each, as fit into `longest_words` words.

    Each document of an even number is followed by its twin (`Grammar.twins`; an odd `n_documents` cuts the last off):
    read side by side, they show that nothing but the persons tells a gender.
    """
    grammar = load_grammar(TRAINING_GRAMMAR, "training")
    for number in range(0, n_documents, 2):
        seed_here = f"{seed}/story/{number}"
        told = [grammar.twins(f"{seed_here}/0", phrases=phrases)]
        if Random(seed_here).random() >= SINGLE_SHARE:
            words = _n_words(told[0])
            while words < longest_words:
                told.append(grammar.twins(f"{seed_here}/{len(told)}", phrases=phrases))
                words += _n_words(told[-1])
            told = told[:-1] if words > longest_words + 20 and len(told) > 1 else told
        for which in range(min(2, n_documents - number)):
            yield Document(f"story {number + which}", iter([twins[which].text for twins in told]))


def _n_words(twins: tuple[Story, Story]) -> int:
    return len(twins[0].text.split())
