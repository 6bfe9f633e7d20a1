"""From the values of a prepared cloze's terms, in nats, to the probabilities of its targets."""

from __future__ import annotations

from collections.abc import Sequence, Set

import numpy as np

from model.blanks import BlankedText, FilledBlank
from model.cells import Array
from model.cloze import Blank, ClozeResult, JointPrediction, Prediction
from model.prepared import PreparedCloze


def conclude(
    prepared: PreparedCloze, term_values: Array, vocabulary_row: Array | None, beside: ClozeResult | None = None
) -> ClozeResult:
    """From the values of the terms, in nats, to probabilities. The trace is not in it yet.

    `beside`: another answer to the same request, whose words are predicted even if they are not among the best top_k.
    """
    named = [
        set() if beside is None else {(one.filled, one.pieces) for one in beside.blanks[blank].predictions}
        for blank in range(len(prepared.fills))
    ]
    request, blanked = prepared.request, prepared.blanked
    if vocabulary_row is not None:
        scores = np.array([vocabulary_row[fill.word_ids[0]] for fill in prepared.fills[0]], dtype=np.float64)
        predictions = _predictions(blanked, prepared.fills[0], scores, np.exp(scores), request.top_k, named[0])
        return _result(prepared, [predictions])
    scores = np.array([term_values[list(indices)].sum() for indices in prepared.sums], dtype=np.float64)
    if prepared.probabilities_over_vocabulary:
        log_shares = scores - np.logaddexp.reduce(scores)
        words = set(blanked.tokenizer.whole_words(blanked.marked(0)).tolist())
        kept = [index for index, fill in enumerate(prepared.fills[0]) if fill.word_ids[0] in words]
        fills = tuple(prepared.fills[0][index] for index in kept)
        predictions = _predictions(blanked, fills, scores[kept], np.exp(log_shares[kept]), request.top_k, named[0])
        return _result(prepared, [predictions])
    probabilities = _softmax(scores / prepared.temperature)
    blanks = []
    for blank, fills in enumerate(prepared.fills):
        chosen = np.array([assignment[blank] for assignment in prepared.assignments])
        marginal = np.array([np.logaddexp.reduce(scores[chosen == index]) for index in range(len(fills))])
        share = np.array([probabilities[chosen == index].sum() for index in range(len(fills))])
        blanks.append(_predictions(blanked, fills, marginal, share, request.top_k, named[blank]))
    return _result(prepared, blanks, probabilities if len(prepared.fills) > 1 else None)


def most_probable_fills(prepared: PreparedCloze, result: ClozeResult) -> list[FilledBlank]:
    """The candidate of each blank in the most probable filling of the text."""
    if result.joint is not None:
        return [
            next(fill for fill in candidates if fill.filled == word)
            for candidates, word in zip(prepared.fills, result.joint[0].filled, strict=True)
        ]
    best, pieces = result.blanks[0].predictions[0], prepared.blanked.tokenizer.pieces
    return [  # over the whole vocabulary two pieces may be one word, with the mark and without
        next(
            fill
            for fill in prepared.fills[0]
            if fill.filled == best.filled and tuple(pieces[piece] for piece in fill.word_ids) == best.pieces
        )
    ]


def _result(
    prepared: PreparedCloze, blanks: Sequence[tuple[Prediction, ...]], joint: Array | None = None
) -> ClozeResult:
    entries = kind = None
    if joint is not None:
        order = np.argsort(-joint, kind="stable")
        entries = tuple(
            JointPrediction(
                tuple(fills[i].filled for fills, i in zip(prepared.fills, prepared.assignments[index], strict=True)),
                float(joint[index]),
            )
            for index in order
        )
        exact = prepared.request.context == "both" and all(term.place.right is None for term in prepared.terms)
        kind = "exact" if exact else "pseudo"
    return ClozeResult(
        text=prepared.request.text,
        temperature=prepared.temperature,
        warnings=prepared.warnings,
        blanks=tuple(
            Blank(*prepared.blanked.source_span(number), predictions) for number, predictions in enumerate(blanks)
        ),
        joint=entries,
        joint_kind=kind,
    )


def _predictions(
    blanked: BlankedText,
    fills: Sequence[FilledBlank],
    scores: Array,
    probabilities: Array,
    top_k: int | None,
    named: Set[tuple[str, tuple[str, ...]]],
) -> tuple[Prediction, ...]:
    """The best top_k, then those of the others that are `named` by their words and pieces."""

    def pieces_of(fill: FilledBlank) -> tuple[str, ...]:
        return tuple(blanked.tokenizer.pieces[piece] for piece in fill.word_ids)

    order = np.lexsort((-scores, -probabilities)).tolist()  # ties in the order asked
    chosen = order[:top_k]
    if named:
        chosen += [i for i in order[len(chosen) :] if (fills[i].filled, pieces_of(fills[i])) in named]
    return tuple(
        Prediction(
            fills[index].target,
            fills[index].filled,
            float(probabilities[index]),
            float(scores[index]),
            pieces_of(fills[index]),
        )
        for index in chosen
    )


def _softmax(scores: Array) -> Array:
    shifted = np.exp(scores - scores.max())
    return np.asarray(shifted / shifted.sum())
