"""Recall: early in a training, the starts of words around a pronoun are asked too which pronoun that was.

What tells a pronoun's gender often stands far before it, and gradients that come back so far are small. A network that
reads characters has many moments in between, and an LSTM of them never began to keep a gender at all
(docs/experiments.md). Just after a pronoun its gender was read a moment ago: there the default question, he or she, is
asked first, and then farther away from step to step (a curriculum, Bengio et al. 2009, over the one bit that the
copying tasks of Hochreiter & Schmidhuber 1997 ask for). The language model sets in once the bit is kept.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from model.tokenizer import Tokenizer
from training.batches import Batch
from training.contrasts import ContrastTable
from training.errors import TrainingConfigError
from training.optimisation import warmup
from training.places import Asked, Places, after_words, arrays

NEAREST = 6
"""Tokens from a pronoun within which the first step asks."""
FARTHEST_SHARE = 0.6
"""Share of a window that the last step asks across."""
MOST_A_PRONOUN = 3
"""Places asked for each pronoun of a batch, at most: the pronouns themselves stay a good part of the contrast."""
NOBODY = 1 << 60
"""Where a pronoun would stand that is near nothing."""


class Recall:
    """The places that recall adds to those asked of a batch, for the first `steps` steps."""

    def __init__(self, tokenizer: Tokenizer, contrasts: ContrastTable, bptt_steps: int, steps: int) -> None:
        """Raises TrainingConfigError where the default pair's forms cannot be asked at a word's start."""
        self.tokenizer, self.steps, self.farthest = tokenizer, steps, max(NEAREST, int(FARTHEST_SHARE * bptt_steps))
        default = contrasts.pairs.default
        pieces = contrasts.opening_pieces()
        if steps and (pieces is None or not default.gendered):
            why = "begin with the same piece, or are unknown to the tokenizer" if default.gendered else "are no genders"
            raise TrainingConfigError(
                f"recall_steps = {steps} asks the first pair of pronouns at the starts of words, but the forms of "
                f"{default.name} {why}; give recall_steps 0."
            )
        self.pieces = np.array(pieces or (0, 0))
        self.gendered = np.array([pair.gendered for pair in contrasts.pairs.pairs])

    def reach(self, step: int) -> int:
        """How many tokens from a pronoun step `step` (from 0) asks, rising linearly."""
        return NEAREST + round((self.farthest - NEAREST) * warmup(step, self.steps))

    def added(self, asked: Asked, batch: Batch, step: int, random: np.random.Generator) -> Asked:
        """What is asked of the batch, and some word starts within reach of its pronouns.

        With the left side the answer is the last pronoun before the place, or the next one where none stands before;
        with both sides such places count where the nearest on either side agree, or one stands alone.
        """
        reach = self.reach(step)
        far = 2 * reach
        apart = batch.ids.shape[1] + far + 1  # rows in one line of numbers, so that nobody is near in another row
        told = self.gendered[asked.contrast_pair]
        if not told.any():
            return asked
        pronouns = asked.contrast.row[told] * apart + asked.contrast.time[told]
        order = np.argsort(pronouns)
        pronouns, answers = pronouns[order], asked.contrast_answer[told][order]

        inner = self.tokenizer.is_inner(batch.ids)
        after = after_words(inner, batch.lengths)
        real = np.arange(batch.ids.shape[1]) < batch.lengths[:, None]
        row, time = np.nonzero(self.tokenizer.is_word[batch.ids] & ~inner & real)
        places = Places(row, time, after[row, time])
        start, end = row * apart + time, row * apart + places.after

        upcoming = np.searchsorted(pronouns, end)  # the first after the word; `last`: the last before it
        last = np.searchsorted(pronouns, start) - 1
        is_pronoun = last + 1 < upcoming
        padded = np.concatenate([pronouns, [NOBODY, -NOBODY]])  # after the last; and before the first, as [-1]
        behind, ahead = start - padded[last], padded[upcoming] - start
        last_answer, next_answer = answers[last], answers[np.minimum(upcoming, len(answers) - 1)]

        is_after = behind <= reach
        is_before_alone = (ahead <= reach) & (behind > far)
        agree = ~is_after | (ahead > far) | ((ahead <= reach) & (last_answer == next_answer))
        near = np.flatnonzero((is_after | is_before_alone) & ~is_pronoun)
        near = random.permutation(near)[: MOST_A_PRONOUN * len(pronouns)]
        answer = np.where(is_after, last_answer, next_answer)[near]
        return _joined(asked, Places(*(part[near] for part in arrays(places))), answer, agree[near], self.pieces)


def _joined(
    asked: Asked, places: Places, answers: NDArray[np.int64], seen: NDArray[np.bool_], pieces: NDArray[np.int64]
) -> Asked:
    """`asked` with the default pair's choice at more places; `pieces`: of its first and its second form."""
    no_rivals = np.full((len(places), asked.contrast_rivals.shape[1]), -1)
    return replace(
        asked,
        contrast=Places(*(np.concatenate(parts) for parts in zip(arrays(asked.contrast), arrays(places), strict=True))),
        contrast_right=np.concatenate([asked.contrast_right, pieces[answers]]),
        contrast_wrong=np.concatenate([asked.contrast_wrong, pieces[1 - answers]]),
        contrast_pair=np.concatenate([asked.contrast_pair, np.zeros_like(answers)]),
        contrast_answer=np.concatenate([asked.contrast_answer, answers]),
        contrast_rivals=np.concatenate([asked.contrast_rivals, no_rivals]),
        contrast_seen=np.concatenate([asked.contrast_seen, seen]),
    )
