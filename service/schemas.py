"""What requests may say and what replies hold: fields, units, defaults, an example each.

Requests are read strictly: an unknown field is refused, `true` is no number, and nothing is guessed. Limits that
are settings, and everything about the words of the text, are checked by those who know: service/engine.py, model/.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from model.evidence import KINDS
from model.interventions import Intervention

EXAMPLE_TEXT = "Mary packed her bag because ___ was leaving."


def shown(value: object) -> str:
    """The value as the caller wrote it, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _wrong(sentence: str, value: object) -> PydanticCustomError:
    return PydanticCustomError("wrong_kind", "{sentence}, not {value}", {"sentence": sentence, "value": shown(value)})


def _read_texts(value: Any) -> Any:
    if isinstance(value, list):
        if not value:
            raise PydanticCustomError("wrong_kind", "text is an empty list; give at least one text")
        for place, text in enumerate(value):
            if not isinstance(text, str):
                raise _wrong(f"text[{place}] must be a string", text)
    elif not isinstance(value, str):
        raise _wrong("text must be a string or a list of strings", value)
    return value


def _read_targets(value: Any) -> Any:
    if value is None:
        return value
    if not isinstance(value, list):
        raise _wrong("targets must be a list of words, or a list of such lists, one a blank", value)
    if not value:
        raise PydanticCustomError(
            "wrong_kind", "targets is an empty list; leave it out for the model's own pair of words"
        )
    lists = value if isinstance(value[0], list) else [value]
    for words in lists:
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise _wrong("targets must be a list of words, or a list of such lists, one a blank", value)
    return value


def _read_trace(value: Any) -> Any:
    if value is None or isinstance(value, dict):
        return value
    if not isinstance(value, bool):
        raise _wrong("trace must be true, false or an object with sites and units", value)
    return {} if value else None


def _read_units(value: Any) -> Any:
    is_list = isinstance(value, list) and all(type(unit) is int for unit in value)
    if not is_list and not isinstance(value, str):
        raise _wrong('units must be "all", "top:8", "gender:8" or a list of whole numbers', value)
    return value


def _read_edited_units(value: Any) -> Any:
    if value != "all" and not (isinstance(value, list) and all(type(unit) is int for unit in value)):
        raise _wrong('units of an intervention must be "all" or a list of whole numbers', value)
    return value


def _read_tokens(value: Any) -> Any:
    if not isinstance(value, list) or len(value) != 2 or not all(type(token) is int for token in value):
        raise _wrong("tokens must be a list of two whole numbers, the first token and the last", value)
    return value


def _read_evidence(value: Any) -> Any:
    if value is None or value is False:
        return None
    if value not in KINDS:
        raise _wrong("evidence must be false, 'hold', 'write' or 'erase'", value)
    return value


def _read_interventions(value: Any) -> Any:
    if value is not None and not (isinstance(value, list) and all(isinstance(one, dict) for one in value)):
        raise _wrong("interventions must be a list of objects with site, units, tokens and set, scale or freeze", value)
    return value


def _read_inputs(value: Any) -> Any:
    is_texts = isinstance(value, list) and value and all(isinstance(text, str) for text in value)
    if not isinstance(value, str) and not is_texts:
        raise _wrong("inputs must be a string or a list of strings", value)
    return value


class Request(BaseModel):
    """The rules of every request body."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class TraceBody(Request):
    """Which activations to show."""

    sites: list[str] | None = Field(
        default=None, description="Names of activations; null is every site of the network."
    )
    units: Annotated[list[int] | str, BeforeValidator(_read_units)] = Field(
        default="top:8",
        description='Unit numbers, "all", "top:8": the 8 with the largest max - min over the tokens, or "gender:8": '
        "the first 8 of the model's ranking of units that carry gender (gender_units in /v1/models/NAME).",
    )


class InterventionBody(Request):
    """One edit: what becomes of chosen units of a site while chosen tokens are read. One of set, scale and freeze."""

    site: str = Field(description="The name of an activation, such as layer0.forward.forget_gate.")
    units: Annotated[list[int] | str, BeforeValidator(_read_edited_units)] = Field(
        description='Unit numbers, or "all".'
    )
    tokens: Annotated[list[int], BeforeValidator(_read_tokens)] = Field(
        description="The first and the last token, counted as in a trace: <s> is 0, and a blank is one token.",
        min_length=2,
        max_length=2,
    )
    set: float | None = Field(default=None, description="The value that the units get.")
    scale: float | None = Field(default=None, description="What their values are multiplied by.")
    freeze: bool | None = Field(
        default=None, description="true: they keep the value of the step before, in the order of reading."
    )


class ClozeBody(Request):
    """A text, or several, with blanks to fill."""

    text: Annotated[str | list[str], BeforeValidator(_read_texts)] = Field(
        description="The text, or several; a blank is ___ (three or more underscores), [MASK] or <mask>."
    )
    targets: Annotated[list[str] | list[list[str]] | None, BeforeValidator(_read_targets)] = Field(
        default=None,
        description="Words to choose from: one list for every blank, or one list a blank. Null: the model's pair.",
    )
    top_k: int | None = Field(default=None, ge=1, description="How many predictions; without targets, of whole words.")
    context: Literal["both", "left"] = Field(
        default="both", description="Read both sides of the blank, or its left only."
    )
    model: str | None = Field(default=None, description="The name of a served model; null is the default one.")
    trace: Annotated[TraceBody | None, BeforeValidator(_read_trace, json_schema_input_type=bool | TraceBody)] = Field(
        default=None,
        description="Show what the gates did: true is every site with the 8 units that moved most.",
        json_schema_extra={"default": False},
    )
    evidence: Annotated[
        Literal["hold", "write", "erase"] | None,
        BeforeValidator(_read_evidence, json_schema_input_type=Literal[False, "hold", "write", "erase"] | None),
    ] = Field(
        default=None,
        description="What each token contributes to the choice between two targets in one blank: hold (every cell) "
        "leaves it out; write closes an LSTM's input gates there, erase opens its forget gates.",
        json_schema_extra={"default": False},
    )
    interventions: Annotated[list[InterventionBody] | None, BeforeValidator(_read_interventions)] = Field(
        default=None,
        description="Edits of the network while it reads, applied in this order; the reply has the predictions "
        "with them and without.",
    )

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"text": EXAMPLE_TEXT},
                {"text": [EXAMPLE_TEXT, "Tom said that ___ was tired."], "targets": ["he", "she"], "context": "left"},
                {"text": EXAMPLE_TEXT, "targets": ["he", "she"], "trace": {"sites": None, "units": "top:4"}},
                {"text": EXAMPLE_TEXT, "targets": ["he", "she"], "evidence": "hold"},
                {
                    "text": EXAMPLE_TEXT,
                    "interventions": [
                        {"site": "layer0.forward.hidden_state", "units": [0, 3], "tokens": [1, 4], "set": 0.0}
                    ],
                },
            ]
        }
    )

    @property
    def texts(self) -> list[str]:
        """The texts, be it one or several."""
        return [self.text] if isinstance(self.text, str) else self.text

    @property
    def targets_by_blank(self) -> tuple[tuple[str, ...], ...] | None:
        """The targets as model/cloze.py takes them: one tuple for every blank, or one a blank."""
        if self.targets is None:
            return None
        if isinstance(self.targets[0], str):
            return (tuple(word for word in self.targets if isinstance(word, str)),)
        return tuple(tuple(words) for words in self.targets)

    @property
    def edits(self) -> tuple[Intervention, ...]:
        """The interventions as model/interventions.py takes them."""
        return tuple(
            Intervention(
                one.site,
                one.units if isinstance(one.units, str) else tuple(one.units),
                (one.tokens[0], one.tokens[1]),
                one.set,
                one.scale,
                bool(one.freeze),
            )
            for one in self.interventions or ()
        )


class BeliefBody(Request):
    """A text, or the next chunk of one."""

    text: str = Field(description="The text, or its next chunk, cut anywhere between two characters.")
    pair: list[str] | None = Field(
        default=None, description="Two words; the probability is the first one's. Null: the model's pair."
    )
    state: str | None = Field(default=None, description="The state of the answer to the chunk before; null begins.")
    model: str | None = Field(default=None, description="The name of a served model; null is the default one.")
    stream: bool = Field(default=False, description="Answer with server-sent events: for long texts.")

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"text": "Mary packed her bag. Then Tom came in."},
                {"text": "Mary packed her bag. Then Tom came in.", "pair": ["his", "her"], "state": None},
                {"text": "Mary packed her bag.", "stream": True},
            ]
        }
    )


class FillMaskParameters(Request):
    """Hugging Face's parameters of the task."""

    targets: list[str] | None = Field(
        default=None, min_length=1, description="Words to choose from instead of all words."
    )
    top_k: int | None = Field(
        default=None, ge=1, description="How many predictions; 5 unless told, at most the targets."
    )


class FillMaskBody(Request):
    """Hugging Face's fill-mask request, as huggingface_hub sends it."""

    inputs: Annotated[str | list[str], BeforeValidator(_read_inputs)] = Field(
        description="The text, or several, with [MASK], <mask> or ___ in it."
    )
    parameters: FillMaskParameters | None = None

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"inputs": "Mary packed her bag because [MASK] was leaving.", "parameters": {}},
                {"inputs": "Tom said that [MASK] was tired.", "parameters": {"targets": ["he", "she"], "top_k": 2}},
            ]
        }
    )

    @property
    def texts(self) -> list[str]:
        return [self.inputs] if isinstance(self.inputs, str) else self.inputs
