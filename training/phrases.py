"""Phrases of a corpus that synthetic stories are told with: sentences without persons, and what people do.

A network that sees the same few dozen fillers learns to skip those and loses the subject over any others; a corpus has
tens of thousands. Knows sentences; knows neither stories nor pieces.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random

from training.corpus import Document
from training.pronouns import Pairs
from training.words import gendered_words

SENTENCE = re.compile(r"(?<=[.!?]) (?=[A-Z])")
PAST = "ed|ew|ade|ept|elt|old|ent|ook|ame|at|ould|as|ood|oke|an|aid|ad|eft|ought"
PREDICATE = re.compile(rf"(?:He|She) [a-z]+(?:{PAST}) .+\.")
"""A sentence of one subject; the verb's ending is that of a past tense."""
NEVER = re.compile(r'["“”—()*_;:\d]|\.\.| [A-Z]')
"""Quotations, asides, notes, and capitals inside a sentence: names, or I."""
MAX_PER_DOCUMENT = 1000
FILLER_WORDS = (4, 24)
PREDICATE_WORDS = (2, 12)


@dataclass(frozen=True)
class Phrases:
    """What a corpus offers, in its order."""

    fillers: tuple[str, ...] = ()
    """Sentences in which nobody with a gender stands, each with its full stop."""
    predicates: tuple[str, ...] = ()
    """What somebody did, without subject and full stop: "opened the door and went out"."""

    @property
    def sha256(self) -> str:
        """Of all of them in their order."""
        return hashlib.sha256("\n".join((*self.fillers, "", *self.predicates)).encode()).hexdigest()


def find_phrases(documents: Iterable[Document], pairs: Pairs, seed: int) -> Phrases:
    """At most MAX_PER_DOCUMENT of each kind from each document, drawn by the seed from its sentences."""
    words = gendered_words(pairs.language)
    if words is None:
        return Phrases()
    gendered = {*pairs.gendered_forms, *words.genders}
    fillers: list[str] = []
    predicates: list[str] = []
    for document in documents:
        found: tuple[list[str], list[str]] = ([], [])
        for sentence in _sentences(document):
            kind = _kind(sentence, gendered, words.starters)
            if kind is not None:
                found[kind].append(sentence)
        random = Random(f"{seed}/phrases/{document.name}")
        for mined, kept in zip(found, (fillers, predicates), strict=True):
            kept += random.sample(mined, min(len(mined), MAX_PER_DOCUMENT))
    return Phrases(tuple(dict.fromkeys(fillers)), tuple(dict.fromkeys(map(_predicate, predicates))))


def _sentences(document: Document) -> Iterator[str]:
    for paragraph in document.paragraphs:
        if '"' not in paragraph:
            yield from SENTENCE.split(paragraph)


def _kind(sentence: str, gendered: set[str], starters: frozenset[str]) -> int | None:
    """0 for a filler, 1 for a sentence whose predicate can be taken, None for neither."""
    n_words = sentence.count(" ") + 1
    if n_words > FILLER_WORDS[1] or not sentence.endswith(".") or NEVER.search(sentence):
        return None
    told = [word for word in re.findall(r"[a-z]+", sentence.lower()) if word in gendered]
    if not told:
        return 0 if n_words >= FILLER_WORDS[0] and sentence.partition(" ")[0].lower() in starters else None
    least, most = PREDICATE_WORDS
    if len(told) == 1 and least < n_words <= most + 1 and PREDICATE.fullmatch(sentence):
        return 1
    return None


def _predicate(sentence: str) -> str:
    return sentence.partition(" ")[2].removesuffix(".")
