"""The two-way questions that units are ablated on: pieces to read on either side of a blank, and the two pieces that
decide.

A bidirectional network reads both sides, a causal one what stands before the blank. The log-odds are those of the
pieces at which right and wrong form first differ, which for forms of one piece each is the served score's difference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.blanks import BlankedText
from model.bundle import Bundle
from model.errors import RequestError
from model.scoring import filled_ids
from training.cases import PAIRS
from training.corpus import Document, read_documents
from training.errors import EvaluationError
from training.evaluation.cloze_suite import sampled
from training.evaluation.tracking_stories import tracking_questions
from training.mining import ClozeItem, Window, mine
from training.pronouns import Pairs, PronounPair

OVERSAMPLING = 4
"""So many times the wanted items are drawn, so that the rarer form has its half in texts where it is a quarter."""
MAX_TOKENS = 512
"""A question of more pieces on one side is left out, and counted."""


@dataclass(frozen=True)
class Questions:
    """n questions of one kind, as many with a masculine as with a feminine answer."""

    name: str
    """`mined` or `stories`."""
    lefts: Sequence[tuple[int, ...]]
    """From <s> to the deciding piece, as the forward stack reads them."""
    rights: Sequence[tuple[int, ...]]
    """From </s> back to the blank, as the backward stack reads them."""
    right_ids: NDArray[np.int64]
    """(n,) the deciding piece of the right form ..."""
    wrong_ids: NDArray[np.int64]
    """... and of its counterpart."""
    answers: NDArray[np.int64]
    """(n,) 0 where the right form is the pair's first, 1 where it is the second."""
    places: Sequence[str]
    """(n,) where each stands; questions of one place (a paragraph, a story and its twin) are no independent ones."""
    dropped: dict[str, int]
    """What was left out, by reason."""

    def __len__(self) -> int:
        return len(self.lefts)

    def chosen(self, which: Sequence[int]) -> Questions:
        """Some of them, in this order."""
        index = np.array(which, dtype=np.int64)
        return Questions(
            self.name,
            [self.lefts[k] for k in which],
            [self.rights[k] for k in which],
            self.right_ids[index],
            self.wrong_ids[index],
            self.answers[index],
            [self.places[k] for k in which],
            self.dropped,
        )

    def halves(self, seed: int) -> tuple[Questions, Questions]:
        """Two parts without a place in common: one to choose units on, one to measure them on."""
        places = list(dict.fromkeys(self.places))
        Random(f"{seed}/halves/{self.name}").shuffle(places)
        first = set(places[: len(places) // 2])
        inside = [k for k, place in enumerate(self.places) if place in first]
        outside = [k for k, place in enumerate(self.places) if place not in first]
        return self.chosen(inside), self.chosen(outside)


def mined_questions(
    bundle: Bundle,
    pairs: Pairs,
    chosen: Sequence[PronounPair],
    documents: Iterable[Document],
    n_items: int,
    seed: int,
) -> Questions:
    """A seeded sample of cloze items of the `chosen` pairs, half of them of each gender, by the headline protocol.

    Raises EvaluationError where the texts have none of one of the two, CorpusError where they cannot be read.
    """
    found = sampled(mine(documents, pairs, Window()), chosen, OVERSAMPLING * n_items, seed)
    items = [item for of_pair in found.values() for item in of_pair]
    Random(f"{seed}/items").shuffle(items)
    wanted = min(n_items // 2, *(sum(_answer(item) == k for item in items) for k in (0, 1)))
    if wanted < 2:
        forms = " and ".join(form for pair in chosen for form in pair.forms)
        raise EvaluationError(
            f"the texts have {len(items)} items of {', '.join(found)}, and fewer than 2 of one of the two forms; "
            f"expected texts with {forms} in them."
        )
    kept = [item for k in (0, 1) for item in [item for item in items if _answer(item) == k][:wanted]]
    return _questions("mined", bundle, kept)


def story_questions(bundle: Bundle, pairs: Pairs, n_stories: int, seed: int) -> Questions:
    """Stories of the tracking suite, `n_stories` of each sort (an even number: each beside its twin).

    Raises EvaluationError where the bundle's pairs are not those of the stories, and for an odd number.
    """
    names = {pair.name for pair in pairs.pairs}
    if pairs.language != "en" or not set(PAIRS.values()) <= names:
        raise EvaluationError(
            f"there are stories in English alone, which ask {', '.join(PAIRS.values())}; the bundle's pairs are "
            f"{', '.join(sorted(names))} (language: {pairs.language}), so its units cannot be studied with them."
        )
    return _questions("stories", bundle, [q.item for q in tracking_questions(pairs, n_stories, seed)])


def read_texts(data: Sequence[Path], text_field: str) -> Iterable[Document]:
    """The documents of `--data`. Raises CorpusError."""
    return read_documents(data, text_field)


def _answer(item: ClozeItem) -> int:
    return item.pair.forms.index(item.answer)


def _questions(name: str, bundle: Bundle, items: Sequence[ClozeItem]) -> Questions:
    kept: list[tuple[ClozeItem, tuple[tuple[int, ...], tuple[int, ...], int, int]]] = []
    dropped: Counter[str] = Counter()
    for item in items:
        told = _question(bundle, item)
        if isinstance(told, str):
            dropped[told] += 1
        else:
            kept.append((item, told))
    if not kept:
        reasons = ", ".join(f"{reason}: {n}" for reason, n in dropped.items()) or "there is none"
        raise EvaluationError(
            f"none of {len(items)} {name} questions can be asked of {bundle.name} ({reasons}); expected a bundle that "
            "knows both forms of a pair."
        )
    columns: Any = list(zip(*(told for _, told in kept), strict=True))
    return Questions(
        name,
        columns[0],
        columns[1],
        np.array(columns[2], dtype=np.int64),
        np.array(columns[3], dtype=np.int64),
        np.array([_answer(item) for item, _ in kept], dtype=np.int64),
        [item.place for item, _ in kept],
        dict(sorted(dropped.items())),
    )


def _question(bundle: Bundle, item: ClozeItem) -> tuple[tuple[int, ...], tuple[int, ...], int, int] | str:
    """What is read on either side, the deciding pieces; or why it cannot be asked."""
    try:
        blanked = BlankedText(item.text, bundle.tokenizer)
        fills = [blanked.fill(0, form) for form in (item.answer, item.pair.other(item.answer))]
    except RequestError as error:
        return str(error)
    (ids, spans), (others, _) = (filled_ids(blanked, [fill]) for fill in fills)
    start, end = spans[0]
    right, wrong = (fill.word_ids for fill in fills)
    differing = [k for k, (a, b) in enumerate(zip(right, wrong, strict=False)) if a != b]
    if not differing:
        return "one form begins with the other"
    place = start + differing[0]
    if bundle.tokenizer.unknown_id in (ids[place], others[place]):
        return "a form is unknown to the bundle"
    left, after = ids[:place], ids[end:][::-1]
    if max(len(left), len(after)) > MAX_TOKENS:
        return f"longer than {MAX_TOKENS} pieces"
    return left, after, ids[place], others[place]
