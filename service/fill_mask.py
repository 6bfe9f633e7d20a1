"""Hugging Face's fill-mask task in terms of our cloze. Knows no HTTP.

Scores are probabilities over the full vocabulary, never renormalised over the targets. A causal network is asked with
its left context: with both sides it would have to read the text after once for every word there is.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp
from typing import Any

from pydantic_core import to_json

from model.blanks import BlankedText
from model.cloze import ClozeRequest, Prediction
from model.errors import RequestError, UnsupportedError
from model.tokenizer import Tokenizer
from service.engine import Engine, named, names_of
from service.errors import TooManyTextsError
from service.schemas import FillMaskBody, FillMaskParameters
from service.store import ServedModel

DEFAULT_TOP_K = 5


@dataclass(frozen=True)
class Mask:
    """One mask of one text."""

    text: int
    """Place of its text in the request ..."""
    number: int
    """... and its own in the text, from 0."""


@dataclass(frozen=True)
class MaskedText:
    """A text and where its masks are, in code points."""

    source: str
    spans: tuple[tuple[int, int], ...]

    def filled(self, words: Mapping[int, str]) -> str:
        """The text with the masks of these numbers replaced, and the others as they are."""
        parts, place = [], 0
        for number, (start, end) in enumerate(self.spans):
            parts += [self.source[place:start], words.get(number, self.source[start:end])]
            place = end
        return "".join([*parts, self.source[place:]])


async def fill_mask(engine: Engine, body: FillMaskBody) -> bytes:
    """The reply: a list of predictions; for several masks one such list a mask; for several texts one of those a text.

    Raises RequestError, TooManyTextsError, NotReadyError.
    """
    served = engine.store.find(None)
    tokenizer = served.language_model.tokenizer
    question = _question(served, body.parameters or FillMaskParameters())
    names = names_of("inputs", body.inputs)
    engine.check_texts(body.texts, names)
    texts = await engine.on_thread(lambda: [_masked(*pair, tokenizer) for pair in zip(body.texts, names, strict=True)])
    masks = [Mask(place, number) for place, text in enumerate(texts) for number in range(len(text.spans))]
    limit = engine.settings.max_texts
    if len(masks) > limit:
        raise TooManyTextsError(f"{len(masks)} masks in one request; the limit is {limit}. Send several requests.")

    async def ask(
        texts_with_one_mask: Sequence[str], about: Sequence[Mask], top_k: int
    ) -> list[tuple[Prediction, ...]]:
        requests = [replace(question, text=text, top_k=top_k) for text in texts_with_one_mask]
        results = await engine.answers(served, requests, [names[mask.text] for mask in about])
        return [result.blanks[0].predictions for result in results]

    # What stands at the other masks: the most probable word of each, asked with the others left out.
    several = [mask for mask in masks if len(texts[mask.text].spans) > 1]
    alone = [texts[mask.text].filled(_others(texts[mask.text], mask, {})) for mask in several]
    best: dict[Mask, str] = {
        mask: predictions[0].filled for mask, predictions in zip(several, await ask(alone, several, 1), strict=True)
    }
    asked = [texts[mask.text].filled(_others(texts[mask.text], mask, best)) for mask in masks]
    lists: list[list[list[dict[str, Any]]]] = [[] for _ in texts]
    for mask, predictions in zip(masks, await ask(asked, masks, question.top_k or DEFAULT_TOP_K), strict=True):
        lists[mask.text].append([_entry(texts[mask.text], mask, one, tokenizer) for one in predictions])
    replies = [of_masks[0] if len(of_masks) == 1 else of_masks for of_masks in lists]
    return await engine.on_thread(lambda: to_json(replies[0] if len(replies) == 1 else replies))


def _question(served: ServedModel, parameters: FillMaskParameters) -> ClozeRequest:
    """What is asked of every mask; the text is put in later. Raises UnsupportedError."""
    bundle = served.language_model.bundle
    if not bundle.has_language_model:
        raise UnsupportedError(
            f"{bundle.name} was trained on the contrast at pronouns alone, so it has no probabilities over the full "
            "vocabulary, which fill-mask gives. Ask POST /v1/cloze, or serve another default model."
        )
    targets = None if parameters.targets is None else tuple(dict.fromkeys(parameters.targets))
    top_k = parameters.top_k or DEFAULT_TOP_K
    return ClozeRequest(
        text="",
        targets=None if targets is None else (targets,),
        top_k=top_k if targets is None else min(top_k, len(targets)),
        context="both" if bundle.network.direction == "bidirectional" else "left",
    )


def _masked(source: str, name: str, tokenizer: Tokenizer) -> MaskedText:
    """Raises BlankError where there is no mask, or two touch."""
    try:
        blanked = BlankedText(source, tokenizer)
    except RequestError as error:
        raise named(error, name) from None
    return MaskedText(source, tuple(blanked.source_span(number) for number in range(len(blanked.blanks))))


def _others(text: MaskedText, mask: Mask, best: Mapping[Mask, str]) -> dict[int, str]:
    """What stands at the masks beside `mask`: their best words, or nothing."""
    others = (Mask(mask.text, number) for number in range(len(text.spans)) if number != mask.number)
    return {other.number: best.get(other, "") for other in others}


def _entry(text: MaskedText, mask: Mask, prediction: Prediction, tokenizer: Tokenizer) -> dict[str, Any]:
    return {
        "score": exp(prediction.log_probability),
        "token": _ids_by_piece(tokenizer)[prediction.pieces[0]],
        "token_str": prediction.target,
        "sequence": text.filled({mask.number: prediction.filled}),
    }


@functools.lru_cache(maxsize=8)
def _ids_by_piece(tokenizer: Tokenizer) -> dict[str, int]:
    return {piece: number for number, piece in enumerate(tokenizer.pieces)}
