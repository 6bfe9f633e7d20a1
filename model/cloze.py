"""The cloze question and its answer, as data: a text with blanks and targets in, the probability of each target out.

How a target is scored stands in scoring.py, checking a request in prepared.py, adding up the scores in answers.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from model.evidence import Evidence
from model.interventions import Intervention
from model.trace import Trace, TraceRequest

CONTEXTS = ("both", "left")


@dataclass(frozen=True)
class ClozeRequest:
    """One text with blanks, and what is asked of it."""

    text: str
    targets: tuple[tuple[str, ...], ...] | None = None
    """One list for all blanks, or one a blank; None: the bundle's default pair, or with top_k the whole vocabulary."""
    top_k: int | None = None
    context: str = "both"
    trace: TraceRequest | None = None
    evidence: str | None = None
    """"hold", "write" or "erase" (evidence.py); None: none."""
    interventions: tuple[Intervention, ...] = ()
    """Edits of the network while it reads this text, in the order in which they are applied."""


@dataclass(frozen=True)
class Prediction:
    """One target in one blank."""

    target: str
    filled: str
    probability: float
    log_probability: float
    """The score in nats at temperature 1; over several blanks the marginal's (log of the summed exponentials)."""
    pieces: tuple[str, ...]


@dataclass(frozen=True)
class Blank:
    """One blank, in code points of the text as sent; predictions most probable first."""

    start: int
    end: int
    predictions: tuple[Prediction, ...]

    def to_dict(self) -> dict[str, Any]:
        """As in the HTTP reply."""
        return {
            "start": self.start,
            "end": self.end,
            "predictions": [vars(prediction) | {"pieces": list(prediction.pieces)} for prediction in self.predictions],
        }


@dataclass(frozen=True)
class ClozeWarning:
    """Something the caller should know about a place of the text."""

    type: str
    start: int
    end: int
    message: str


@dataclass(frozen=True)
class JointPrediction:
    """One way to fill all blanks."""

    filled: tuple[str, ...]
    probability: float


@dataclass(frozen=True)
class ClozeResult:
    """The answer to one ClozeRequest."""

    text: str
    temperature: float
    warnings: tuple[ClozeWarning, ...]
    blanks: tuple[Blank, ...]
    joint: tuple[JointPrediction, ...] | None = None
    joint_kind: str | None = None
    trace: Trace | None = None
    evidence: Evidence | None = None
    without_interventions: tuple[Blank, ...] | None = None
    """The blanks as they were before the request's interventions, read by the same face; with `top_k` their best words,
    then those of `blanks` that were not among them."""

    def to_dict(self) -> dict[str, Any]:
        """One entry of "results" in the HTTP reply."""
        return {
            "text": self.text,
            "temperature": self.temperature,
            "warnings": [vars(warning) for warning in self.warnings],
            "blanks": [blank.to_dict() for blank in self.blanks],
            "joint": None
            if self.joint is None
            else [{"filled": list(entry.filled), "probability": entry.probability} for entry in self.joint],
            "joint_kind": self.joint_kind,
            "trace": None if self.trace is None else self.trace.to_dict(),
            "evidence": None if self.evidence is None else self.evidence.to_list(),
            "without_interventions": None
            if self.without_interventions is None
            else [blank.to_dict() for blank in self.without_interventions],
        }
