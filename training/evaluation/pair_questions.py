"""The minimal pairs of one phenomenon as question sets: each form of asking, and the pairs of pronouns alone.

Knows margins that are measured already; asks nobody.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.evaluation.answers import Answers
from training.evaluation.metrics import Floats
from training.evaluation.minimal_pairs import Difference, MinimalPair
from training.evaluation.question_set import MODEL, QuestionSet
from training.pronouns import Pairs, PronounPair

FORMS = {"cloze": ("cloze_both", "cloze_left"), "one prefix": ("one_prefix",), "whole sentence": ("sentence",)}
"""The columns of the bundle in each form; the n-gram's bear the same names."""


def pair_question_sets(
    phenomenon: str,
    asked: Sequence[tuple[MinimalPair, Difference | None]],
    margins: dict[str, Floats],
    right: dict[str, list[int | None]],
    pairs: Pairs,
) -> list[QuestionSet]:
    """Of one phenomenon: each form with all of its pairs, then the cloze on the pairs of pronouns alone."""
    lefts = ["" if difference is None else difference.before for _, difference in asked]
    places = [pair.place for pair, _ in asked]

    def chosen(
        name: str, form: str, which: NDArray[np.bool_], answers: NDArray[np.int64], of: PronounPair | None = None
    ) -> QuestionSet:
        named = {MODEL + column.removeprefix("cloze_"): margins[column] for column in FORMS[form] if column in margins}
        for column in (*(f"ngram_{own}" for own in FORMS[form]), "fixed_preference", "chance"):
            if column in margins and not np.isnan(margins[column][which]).any():
                named[column.replace("_cloze", "")] = margins[column]
        return QuestionSet(
            f"{phenomenon}, {name}",
            "accuracy" if of is None else "balanced accuracy",
            [left for left, wanted in zip(lefts, which, strict=True) if wanted],
            [place for place, wanted in zip(places, which, strict=True) if wanted],
            {column: Answers(answers, values[which], None) for column, values in named.items()},
            None if of is None else of.forms,
            of is not None and of.gendered,
        )

    sets = []
    for form, columns in FORMS.items():
        if columns[0] in margins and (which := ~np.isnan(margins[columns[0]])).any():
            sets.append(chosen(form, form, which, np.zeros(int(which.sum()), dtype=np.int64)))
    for pair, answers in right.items():
        which = np.array([answer is not None for answer in answers])
        known = np.array([answer for answer in answers if answer is not None], dtype=np.int64)
        sets.append(chosen(f"{pair} only", "cloze", which, known, pairs.named(pair)))
    return sets
