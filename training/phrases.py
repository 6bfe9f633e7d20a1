"""Phrases of a corpus that synthetic stories are told with: sentences without persons, what people do, and sentences
that speak of somebody by pronouns alone.

A network that sees the same few dozen fillers learns to skip those and loses the subject over any others; a corpus has
tens of thousands; the same holds for the sentences in which a pronoun is asked. Knows sentences; knows neither stories
nor pieces.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random

from training.cases import CASES
from training.corpus import Document
from training.mining import pair_of
from training.pronouns import Pairs
from training.words import gendered_words

SENTENCE = re.compile(r"(?<=[.!?]) (?=[A-Z])")
PAST = "ed|ew|ade|ept|elt|old|ent|ook|ame|at|ould|as|ood|oke|an|aid|ad|eft|ought"
PREDICATE = re.compile(rf"(?:He|She) [a-z]+(?:{PAST}) .+\.")
"""A sentence of one subject; the verb's ending is that of a past tense."""
NEVER = re.compile(r'["“”—()\[\]{}*_;:\d]|\.\.| [A-Z]')
"""Quotations, asides, notes, and capitals inside a sentence: names, or I."""
WORD = re.compile(r"[A-Za-z]+")
PERSON = "S"
"""What a sentence about somebody calls them."""
MAX_PER_DOCUMENT = 1000
"""Of each kind of phrase."""
FILLER_WORDS = (4, 24)
PREDICATE_WORDS = (2, 12)
SENTENCE_WORDS = (4, 20)


@dataclass(frozen=True)
class Phrases:
    """What a corpus offers, in its order."""

    fillers: tuple[str, ...] = ()
    """Sentences in which nobody with a gender stands, each with its full stop."""
    predicates: tuple[str, ...] = ()
    """What somebody did, without subject and full stop: "opened the door and went out"."""
    sentences: tuple[str, ...] = ()
    """What is said of somebody by pronouns alone, as a grammar writes it, without full stop: "The rain ruined
    {S.his} coat"."""

    @property
    def sha256(self) -> str:
        """Of all of them in their order."""
        lines = (*self.fillers, "", *self.predicates, "", *self.sentences)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def find_phrases(documents: Iterable[Document], pairs: Pairs, seed: int) -> Phrases:
    """At most MAX_PER_DOCUMENT of each kind from each document, drawn by the seed from its sentences."""
    words = gendered_words(pairs.language)
    if words is None:
        return Phrases()
    finder = _Finder(pairs, {*pairs.gendered_forms, *words.genders}, words.starters)
    kept: tuple[list[str], list[str], list[str]] = ([], [], [])
    for document in documents:
        found: tuple[list[str], list[str], list[str]] = ([], [], [])
        for sentence in _sentences(document):
            for kind, phrase in enumerate(finder.phrases(sentence)):
                if phrase is not None:
                    found[kind].append(phrase)
        random = Random(f"{seed}/phrases/{document.name}")
        for mined, of_kind in zip(found, kept, strict=True):
            of_kind += random.sample(mined, min(len(mined), MAX_PER_DOCUMENT))
    return Phrases(*(tuple(dict.fromkeys(of_kind)) for of_kind in kept))


def _sentences(document: Document) -> Iterator[str]:
    for paragraph in document.paragraphs:
        if '"' not in paragraph:
            yield from SENTENCE.split(paragraph)


@dataclass(frozen=True)
class _Finder:
    """Tells what phrases a sentence offers."""

    pairs: Pairs
    gendered: set[str]
    """Every word that tells a gender, lower case."""
    starters: frozenset[str]
    """Words that may open a sentence and are nobody's name."""

    def phrases(self, sentence: str) -> tuple[str | None, str | None, str | None]:
        """What a sentence is as a filler, a predicate and a sentence about somebody; None where it is none."""
        n_words = sentence.count(" ") + 1
        if not sentence.endswith(".") or NEVER.search(sentence):
            return None, None, None
        told = [word for word in WORD.findall(sentence.lower()) if word in self.gendered]
        opening = sentence.partition(" ")[0].lower()
        if not told:
            least, most = FILLER_WORDS
            is_filler = least <= n_words <= most and opening in self.starters
            return sentence if is_filler else None, None, None
        predicate = about = None
        least, most = PREDICATE_WORDS
        if len(told) == 1 and least < n_words <= most + 1 and PREDICATE.fullmatch(sentence):
            predicate = sentence.partition(" ")[2].removesuffix(".")
        least, most = SENTENCE_WORDS
        if least <= n_words <= most and (opening in self.starters or opening in self.gendered):
            about = self._about_one(sentence.removesuffix("."))
        return None, predicate, about

    def _about_one(self, sentence: str) -> str | None:
        """The sentence with its pronouns as a grammar writes them; None where they are of both genders or unclear, or
        where a noun tells one."""
        written: list[str] = []
        genders: set[int] = set()
        end = 0
        for found in WORD.finditer(sentence):
            word = found[0].lower()
            if word not in self.gendered:
                continue
            pair = pair_of(word, sentence[found.end() :], self.pairs) if word in self.pairs.gendered_forms else None
            if pair is None:
                return None
            genders.add(pair.forms.index(word))
            written += (sentence[end : found.start()], f"{{{PERSON}.{CASES[pair.name]}}}")
            end = found.end()
        return "".join([*written, sentence[end:]]) if len(genders) == 1 else None
