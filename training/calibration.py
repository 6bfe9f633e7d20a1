"""What the last validation says of a network: its figures pair by pair, and the temperatures that make them honest.

Knows margins and pairs; knows no texts. The temperatures are fitted on the same items as the figures are measured on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from model.tokenizer import Tokenizer
from training.evaluation.answers import Answers, rounded
from training.evaluation.metrics import softmax_pair
from training.pronouns import Pairs, PronounPair
from training.validation import Margins, ValidationResult


def temperatures(pairs: Pairs, tokenizer: Tokenizer, measured: ValidationResult) -> list[dict[str, Any]]:
    """What a bundle stores as `calibration`: one entry a pair and context, with the number of items behind it.

    Left out: pairs with a form of several pieces (their margins are the deciding piece's alone, not what the cloze
    compares), and those of too few items. A request of such a pair is answered at temperature 1.
    """
    entries: list[dict[str, Any]] = []
    for index, pair in enumerate(pairs.pairs):
        if not all(_is_single_piece(form, tokenizer) for form in pair.forms):
            continue
        for context, margins in measured.margins.items():
            temperature = margins.temperature(index)
            if temperature is not None:
                entries.append(
                    {
                        "pair": pair.name,
                        "forms": list(pair.forms),
                        "context": context,
                        "temperature": temperature,
                        "items": margins.pairs.count(index),
                    }
                )
    return entries


def validation_figures(
    pairs: Pairs, measured: ValidationResult, calibration: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """What a bundle stores as `metrics.validation`: nats a piece by context, and a summary of each pair and context.

    A pair without items is left out; a figure that cannot be computed is None.
    """
    fitted = {(entry["pair"], entry["context"]): entry["temperature"] for entry in calibration}
    figures: dict[str, Any] = {}
    for index, pair in enumerate(pairs.pairs):
        for context, margins in measured.margins.items():
            temperature = fitted.get((pair.name, context), 1.0)
            if summary := _summary(margins, index, pair, temperature):
                figures.setdefault(pair.name, {})[context] = summary
    nats = {"left": measured.left_nats, "both": measured.both_nats}
    return {
        "nats_per_piece": {name: None if value is None else rounded(value) for name, value in nats.items()},
        "pairs": figures,
    }


def _summary(margins: Margins, index: int, pair: PronounPair, temperature: float) -> dict[str, Any] | None:
    which = np.array(margins.pairs, dtype=np.int64) == index
    if not which.any():
        return None
    right = np.array(margins.answers, dtype=np.int64)[which]
    values = np.array(margins.values, dtype=np.float64)[which]
    counts = {form: int((right == answer).sum()) for answer, form in enumerate(pair.forms)}
    summary = Answers(right, values, softmax_pair(values / temperature)).summary().to_json()
    return {"n_of_form": counts, "temperature": temperature} | summary


def _is_single_piece(form: str, tokenizer: Tokenizer) -> bool:
    ids = tokenizer.encode_ids(form)
    return tokenizer.kind != "character" and len(ids) == 1 and ids[0] != tokenizer.unknown_id
