"""Excerpts of a corpus told twice, once as they are and once with their genders swapped.

A word that stood by a woman twice and by a man never is taken for a sign of her, though it tells nothing; swapping
half of a corpus at random leaves that. Where a network reads a text and its twin side by side, nothing but persons'
names, nouns and pronouns is left to tell a gender by. Source: counterfactual data augmentation with both copies, Zhao
et al. 2018 (arXiv:1804.06876). Knows words, not pieces.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from random import Random

from training.augmentation import WORD, Augmentation
from training.corpus import Document
from training.phrases import SENTENCE
from training.pronouns import Pairs

Excerpt = tuple[str, ...]
"""Consecutive paragraphs, the first and the last of which may be cut at a sentence's end."""

WORDS = ((4, 25), (25, 60), (60, 130))
"""Least and most words of a short, a middling and a long excerpt."""


def find_excerpts(documents: Iterable[Document], pairs: Pairs, at_most: int, seed: int) -> list[Excerpt]:
    """So many excerpts in which a gendered pronoun stands, or as many as there are; drawn by the seed from those that
    the documents fall into, in the order of the corpus."""
    random = Random(f"{seed}/excerpts/kept")
    gendered = frozenset(pairs.gendered_forms)
    kept: list[tuple[int, Excerpt]] = []
    for number, excerpt in enumerate(_pronominal(_cut(documents, Random(f"{seed}/excerpts")), gendered)):
        place = len(kept) if number < at_most else random.randrange(number + 1)
        if place < at_most:  # a reservoir: each is kept with the same chance, and no more than are kept are held
            kept[place : place + 1] = [(number, excerpt)]
    return [excerpt for _, excerpt in sorted(kept)]


def sha256_of(excerpts: Iterable[Excerpt]) -> str:
    """Of all of them in their order."""
    return hashlib.sha256("\n\n".join(map("\n".join, excerpts)).encode()).hexdigest()


def _pronominal(excerpts: Iterable[Excerpt], gendered: frozenset[str]) -> Iterator[Excerpt]:
    for excerpt in excerpts:
        if any(word.lower() in gendered for paragraph in excerpt for word in WORD.findall(paragraph)):
            yield excerpt


def _cut(documents: Iterable[Document], random: Random) -> Iterator[Excerpt]:
    """Each document from its beginning in excerpts of random lengths; a break ends one."""
    for document in documents:
        paragraphs: list[str] = []
        wanted, n_words = random.randint(*random.choice(WORDS)), 0
        for paragraph in document.paragraphs:
            if not paragraph and paragraphs:
                yield tuple(paragraphs)
                paragraphs, n_words = [], 0
            taken: list[str] = []
            for sentence in SENTENCE.split(paragraph) if paragraph else ():
                taken.append(sentence)
                n_words += sentence.count(" ") + 1
                if n_words >= wanted:
                    yield (*paragraphs, " ".join(taken))
                    paragraphs, taken = [], []
                    wanted, n_words = random.randint(*random.choice(WORDS)), 0
            if taken:
                paragraphs.append(" ".join(taken))
        if paragraphs:
            yield tuple(paragraphs)


def excerpt_documents(excerpts: Iterable[Excerpt], augmentation: Augmentation) -> Iterator[Document]:
    """Each excerpt, and after it its twin; the first names are replaced in both or, but for the swap, in neither."""
    for number, excerpt in enumerate(excerpts):
        for swapped, told in enumerate(augmentation.twins(f"excerpt {number}", excerpt)):
            yield Document(f"excerpt {2 * number + swapped}", iter(told))
