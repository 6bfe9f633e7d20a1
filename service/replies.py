"""What replies hold, for the API's documentation: names, units, meanings. Replies are built by model/ and engine.py."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field


class Prediction(BaseModel):
    """One word for one blank."""

    target: str = Field(description="The word as asked.")
    filled: str = Field(description="The word as put into the text: capitalised where a sentence begins.")
    probability: float = Field(
        description="softmax(log_probability / temperature) over the targets; or, for top_k "
        "without targets, over the full vocabulary."
    )
    log_probability: float = Field(description="Natural logarithm, temperature 1.")
    pieces: list[str] = Field(description="The word as the model reads it.")


class Blank(BaseModel):
    """A blank and its predictions, most probable first. Offsets count code points of the text as sent."""

    start: int
    end: int
    predictions: list[Prediction]


class ClozeWarning(BaseModel):
    """Something a reader of the numbers should know, and where."""

    type: str
    start: int | None
    end: int | None
    message: str


class TraceToken(BaseModel):
    """A token of the text with its most probable filling; `<s>` and `</s>` have start = end."""

    text: str
    start: int
    end: int


class TraceSite(BaseModel):
    """Values of one activation: rows are tokens in text order, columns the units named."""

    units: list[int]
    values: list[list[float]]


class Trace(BaseModel):
    """What the network did while it read."""

    tokens: list[TraceToken]
    sites: dict[str, TraceSite]


class JointPrediction(BaseModel):
    """One assignment of words to all blanks of a text."""

    filled: list[str]
    probability: float


class TokenEvidence(BaseModel):
    """What one token, counted as in a trace, contributes to the choice."""

    text: str
    start: int
    end: int
    log_odds_change: float | None = Field(
        description="Log-odds of the first target against the second with the token minus without it, in nats: above 0 "
        "it speaks for the first. Null for the blank."
    )


class ClozeResult(BaseModel):
    """The answer to one text."""

    text: str
    temperature: float = Field(description="What the scores were divided by; 1 where the bundle is not calibrated.")
    warnings: list[ClozeWarning]
    blanks: list[Blank]
    joint: list[JointPrediction] | None = Field(description="Null unless there are several blanks.")
    joint_kind: Literal["exact", "pseudo"] | None
    trace: Trace | None
    evidence: list[TokenEvidence] | None
    without_interventions: list[Blank] | None = Field(
        description="The blanks as they were before the request's interventions, the words of `blanks` among theirs; "
        "null where there are none."
    )


class ClozeReply(BaseModel):
    """One result a text, in the order sent."""

    model: str = Field(description="The name of the model that answered.")
    results: list[ClozeResult]


class BeliefToken(BaseModel):
    """A token and what is believed once it is read. Offsets count code points of the whole text, over all chunks."""

    text: str
    start: int
    end: int
    probability: float | None = Field(description="P(first of the pair) if a pronoun came next; null inside a word.")
    provisional: bool = Field(description="What comes next can change it: it comes again with the next chunk.")


class BeliefReply(BaseModel):
    """The tokens of one chunk: those that are settled by now, and the provisional ones at its end."""

    model: str = Field(description="The name of the model that answered.")
    tokens: list[BeliefToken]
    state: str = Field(description="To send with the next chunk.")
    warnings: list[ClozeWarning] = Field(description="Words of the pair that the model cannot read.")


class FilledMask(BaseModel):
    """Hugging Face's prediction for one mask."""

    score: float = Field(description="Probability over the full vocabulary; not renormalised over targets.")
    token: int = Field(description="The number of the word's first piece.")
    token_str: str = Field(description="The word as asked.")
    sequence: str = Field(description="The text with this mask filled; other masks stay.")


class ModelCard(BaseModel):
    """A served model, in the OpenAI list's shape and with the network's structure beside it."""

    id: str
    object: Literal["model"]
    created: int = Field(description="When the model was loaded; seconds since 1970.")
    owned_by: str
    default: bool = Field(description="Whether requests that name no model get this one.")
    sha256: str = Field(description="Of bundle.json, which holds the hashes of all other files.")
    network: dict[str, Any] = Field(description="Layers, direction, sizes and cell.")
    tokenizer: str = Field(description="subword, word or character.")


class ModelList(BaseModel):
    """The served models, by name."""

    object: Literal["list"]
    data: list[ModelCard]


class ErrorDetail(BaseModel):
    """What was wrong: a sentence for people, the rest for programs."""

    type: str
    message: str
    param: str | None = Field(description="The field at fault; text[3] is the fourth text.")
    code: str


class ErrorReply(BaseModel):
    """How every route but Hugging Face's says no."""

    error: ErrorDetail


class FillMaskError(BaseModel):
    """How the Hugging Face routes say no."""

    error: str
    error_type: str
