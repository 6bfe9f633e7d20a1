"""The questions of a suite one by one, with everybody's answers: what comparing needs and a summary has lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from training.evaluation.answers import Answers
from training.evaluation.slices import Measure
from training.mining import ClozeItem

MODEL = "model_"
"""Columns of the bundle's own answers begin so; what follows says how it was asked."""


@dataclass(frozen=True)
class QuestionSet:
    """n two-way questions, and the answers of a bundle and of the baselines."""

    name: str
    """What they are about, e.g. he/she."""
    measure: Measure
    """The headline figure."""
    lefts: Sequence[str]
    """(n,) the text before each blank."""
    places: Sequence[str]
    """(n,) where each stands; questions of one place share their text."""
    columns: Mapping[str, Answers]
    """By who answered; all with the same right answers."""
    forms: tuple[str, str] | None = None
    """The two answers, of a gendered pair the masculine one first; None where they differ from question to question."""
    gendered: bool = True
    """Whether the two answers differ in gender."""
    tested: bool = True
    """Whether bundles are tested against each other on these, rather than on a set that holds them."""

    @property
    def ways(self) -> list[str]:
        """How the bundle was asked: both, left, sentence, ..."""
        return [name.removeprefix(MODEL) for name in self.columns if name.startswith(MODEL)]


def cloze_questions(
    name: str, items: Sequence[ClozeItem], columns: Mapping[str, Answers], *, tested: bool = True
) -> QuestionSet:
    """The set of cloze items of one pair, or of several gendered ones; their balanced accuracy is the headline."""
    forms = {item.pair.forms for item in items}
    return QuestionSet(
        name,
        "balanced accuracy",
        [item.left for item in items],
        [item.place for item in items],
        columns,
        forms.pop() if len(forms) == 1 else ("masculine", "feminine"),
        all(item.pair.gendered for item in items),
        tested,
    )
