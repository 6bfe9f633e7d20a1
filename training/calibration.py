"""What the last validation says of a network: its figures pair by pair, and the temperatures that make them honest.

Temperatures are fitted to questions mined from the validation texts by the headline protocol (`--suite cloze`), asked
of the bundle as it is served. Where no validation text was named they are fitted to the sample of fragments that
training watches, whose questions are shorter.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from model.language_model import LanguageModel
from model.tokenizer import Tokenizer
from training.corpus import Document
from training.evaluation.answers import Answers, rounded
from training.evaluation.cloze_suite import CONTEXTS, ask, sampled
from training.evaluation.metrics import MIN_ITEMS, fitted_temperature, softmax_pair
from training.mining import mine
from training.pronouns import Pairs, PronounPair
from training.validation import Margins, ValidationResult

ITEMS_FITTED = 2000
"""Most questions of a pair and context behind a temperature."""


def protocol_temperatures(
    language_model: LanguageModel, documents: Iterable[Document], pairs: Pairs, seed: int
) -> list[dict[str, Any]]:
    """What a bundle stores as `calibration`: one entry a pair and context, with the number of items behind it.

    `documents`: the validation texts; at most ITEMS_FITTED items a pair are drawn from them. Left out: pairs of fewer
    than 50 items, and the right context of a causal network without the language-model objective. A request of such a
    pair is answered at temperature 1.
    """
    items = sampled(mine(documents, pairs), pairs.pairs, ITEMS_FITTED, seed)
    bundle = language_model.bundle
    both = bundle.network.direction == "bidirectional" or bundle.has_language_model
    entries: list[dict[str, Any]] = []
    for pair in pairs.pairs:
        if len(items[pair.name]) < MIN_ITEMS:
            continue
        for context in CONTEXTS if both else CONTEXTS[:1]:
            answers, _ = ask(language_model, items[pair.name], pair, context)
            temperature = fitted_temperature(answers.margins)
            entries.append(
                {
                    "pair": pair.name,
                    "forms": list(pair.forms),
                    "context": context,
                    "temperature": temperature,
                    "items": len(items[pair.name]),
                }
            )
    return entries


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
