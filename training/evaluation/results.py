"""What most suites give back: plain JSON values, and how to show them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from training.evaluation.question_set import QuestionSet
from training.evaluation.tables import Table

TableMaker = Callable[[str, Mapping[str, Any]], list[Table]]
"""What the data is called ("" where that goes without saying), and the JSON -> tables."""


@dataclass(frozen=True)
class JsonResults:
    """The figures of a suite. The same maker shows them in a terminal and on a bundle's card."""

    content: dict[str, Any]
    maker: TableMaker
    question_sets: Sequence[QuestionSet] = ()
    """The questions of two answers with everybody's answers, for comparing bundles. Not in the JSON."""
    notes: Sequence[str] = ()
    """Sentences that belong under the tables."""

    def to_json(self) -> dict[str, Any]:
        """Everything, in a fixed order."""
        return self.content

    def tables(self) -> list[Table]:
        """The same for a person."""
        return self.maker("", self.content)


def titled(title: str, data: str) -> str:
    """The title of a table, with what the data is called."""
    return f"{title}, on {data}" if data else title
