"""The documents that stand beside their twin, in which everybody has the other gender: stories, and excerpts of the
corpus, in the shares that a training asks for.

A document of an even number is one, the next is its twin. Knows texts, not pieces.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from training.augmentation import Augmentation
from training.config import TrainingConfig
from training.corpus import Document
from training.excerpts import Excerpt, excerpt_documents, find_excerpts, sha256_of
from training.phrases import Phrases, find_phrases
from training.progress import say
from training.stories import grammar_sha256, story_documents

N_TWINS = 60_000
"""Documents, of one story or excerpt or a few stories each."""
STORIES_FITTED = 5_000
"""Documents of stories that the tokenizer is fitted to."""


@dataclass(frozen=True)
class Twins:
    """What the documents are made of."""

    augmentation: Augmentation
    phrases: Phrases
    excerpts: list[Excerpt]
    n_stories: int
    """Documents of stories."""
    n_excerpts: int
    """Documents of excerpts; where the corpus has fewer, they come again under other names."""

    def documents(self) -> Iterator[Document]:
        """The stories, then the excerpts."""
        yield from story_documents(self.n_stories, self.augmentation.seed, self.phrases)
        drawn = itertools.islice(itertools.cycle(self.excerpts), self.n_excerpts // 2)
        yield from excerpt_documents(drawn, self.augmentation)

    def fitted(self) -> Iterator[Document]:
        """Stories that the tokenizer is fitted to; the excerpts are in the corpus."""
        yield from story_documents(min(STORIES_FITTED, self.n_stories), self.augmentation.seed, self.phrases)

    def identity(self) -> dict[str, object]:
        """What shards of them depend on, as JSON."""
        return {
            "stories": self.n_stories,
            "excerpts": self.n_excerpts,
            "grammar_sha256": grammar_sha256(),
            "seed": self.augmentation.seed,
            "rename_share": self.augmentation.rename_share,
            "phrases_sha256": self.phrases.sha256,
            "excerpts_sha256": sha256_of(self.excerpts),
        }


def find_twins(
    read: Callable[[], Iterable[Document]], config: TrainingConfig, augmentation: Augmentation
) -> Twins | None:
    """Looks for phrases and excerpts in what `read` gives, each time from its beginning; None where excerpts alone are
    wanted and there are none. A share above 0 is needed."""
    phrases, excerpts = Phrases(), []
    n_excerpts = 2 * round(N_TWINS / 2 * config.excerpt_share / config.twin_share)
    if config.story_share:
        say("looking for phrases to tell stories with")
        phrases = find_phrases(read(), augmentation.pairs, config.seed)
    if n_excerpts:
        say("looking for excerpts to swap the genders of")
        excerpts = find_excerpts(read(), augmentation.pairs, n_excerpts // 2, config.seed)
        if not excerpts:
            say("no excerpts: no gendered pronoun stands in the corpus; stories, if any, or streams take their rows")
            n_excerpts = 0
            if not config.story_share:
                return None
    return Twins(augmentation, phrases, excerpts, N_TWINS - n_excerpts, n_excerpts)
