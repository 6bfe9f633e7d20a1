"""From prepared requests to answers: which reader reads what, and what is shown beside the probabilities.

Requests without edits are read by the server's face, those with edits by the equations, before and after alike; a
trace shows what the same reader did.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from model.answers import conclude, most_probable_fills
from model.blanks import BlankedText, FilledBlank
from model.bundle import Bundle
from model.cloze import ClozeResult
from model.equations import EquationsReader, always
from model.evidence import Evidence, TokenEvidence
from model.interventions import Edit
from model.moments import moments_of
from model.prepared import PreparedCloze
from model.runtime import Runtime
from model.scores import Place, Reader, Term, log_probability_rows, score_terms
from model.scoring import filled_ids
from model.structure import RecurrentNetwork
from model.trace import Trace, TracedToken, TraceRequest, edited_sites, trace_sites


class Answering:
    """Answers the prepared requests of one bundle."""

    def __init__(self, bundle: Bundle, runtime: Runtime) -> None:
        self.bundle, self.runtime = bundle, runtime
        self.network = RecurrentNetwork(bundle.network, bundle.weights)

    def answer(self, prepared: Sequence[PreparedCloze], is_wanted: Callable[[], bool] = always) -> list[ClozeResult]:
        """The answers in order; what is read alike is read in one batch. Raises AbandonedError (equations.py)."""
        groups: dict[tuple[Edit, ...], list[int]] = {}
        for number, question in enumerate(prepared):
            groups.setdefault(question.edits, []).append(number)
        results: dict[int, ClozeResult] = {}
        for edits, numbers in groups.items():
            questions = [prepared[number] for number in numbers]
            results.update(zip(numbers, self._answer_alike(questions, edits, is_wanted), strict=True))
        return [results[number] for number in range(len(prepared))]

    def _answer_alike(
        self, questions: Sequence[PreparedCloze], edits: tuple[Edit, ...], is_wanted: Callable[[], bool]
    ) -> list[ClozeResult]:
        """The answers to questions with the same edits, or none."""
        if edits:
            after = self._conclude(questions, EquationsReader(self.network, edits, is_wanted=is_wanted))
            before = self._conclude(questions, EquationsReader(self.network, is_wanted=is_wanted), after)
            results = [replace(new, without_interventions=old.blanks) for new, old in zip(after, before, strict=True)]
        else:
            results = self._conclude(questions, self.runtime)
        return [
            self._looked_into(question, result, is_wanted) for question, result in zip(questions, results, strict=True)
        ]

    def _conclude(
        self, questions: Sequence[PreparedCloze], reader: Reader, beside: Sequence[ClozeResult] | None = None
    ) -> list[ClozeResult]:
        """Probabilities, read in one batch; with the words of other answers to these questions, if there are some."""
        terms: dict[Term, int] = {}
        places: dict[Place, int] = {}
        for question in questions:
            for term in question.terms:
                terms.setdefault(term, len(terms))
            if question.vocabulary_place is not None:
                places.setdefault(question.vocabulary_place, len(places))
        values = score_terms(reader, list(terms), self.bundle.tokenizer.continues)
        rows = list(log_probability_rows(reader, list(places)))
        return [
            conclude(
                question,
                values[[terms[term] for term in question.terms]],
                None if question.vocabulary_place is None else rows[places[question.vocabulary_place]],
                None if beside is None else beside[number],
            )
            for number, question in enumerate(questions)
        ]

    def _looked_into(self, question: PreparedCloze, result: ClozeResult, is_wanted: Callable[[], bool]) -> ClozeResult:
        """The result with its trace and its evidence, where they were asked for."""
        request = question.request.trace
        if request is None and question.evidence is None:
            return result
        fills = most_probable_fills(question, result)
        ids, spans = filled_ids(question.blanked, fills)
        tokens, forward, backward = _columns(question.blanked, fills, ids, spans)
        if request is not None:
            columns = {"forward": np.array(forward), "backward": np.array(backward)}
            result = replace(result, trace=self._trace(question, request, tokens, moments_of(ids, spans), ids, columns))
        if question.evidence is not None:
            reader = EquationsReader(self.network, question.edits, question.evidence.kind, is_wanted)
            values = score_terms(reader, question.evidence.terms, self.bundle.tokenizer.continues)
            entries = tuple(map(TokenEvidence, tokens, question.evidence.changes(values)))
            first, second = (fill.filled for fill in question.fills[0])
            result = replace(result, evidence=Evidence(question.evidence.kind, first, second, entries))
        return result

    def _trace(
        self,
        question: PreparedCloze,
        request: TraceRequest,
        tokens: Sequence[TracedToken],
        moments: tuple[int, ...],
        ids: tuple[int, ...],
        columns: dict[str, NDArray[np.int64]],
    ) -> Trace:
        """The trace of the text with its most probable filling; each blank is one column."""
        units, ranking = request.units, self.bundle.gender_units
        if question.edits:
            reader = EquationsReader(self.network, question.edits)
            sites = edited_sites(reader, moments, question.sites, units, columns, ranking)
        else:
            weights = self.bundle.weights
            sites = trace_sites(self.runtime, weights, ids, question.sites, units, columns, ranking)
        return Trace(tuple(tokens), sites)


def _columns(
    blanked: BlankedText, fills: Sequence[FilledBlank], ids: Sequence[int], spans: Sequence[tuple[int, int]]
) -> tuple[list[TracedToken], list[int], list[int]]:
    """The tokens of a trace, and for each the index into `ids` last read by the forward and the backward stack."""
    source, pieces = blanked.text.source, blanked.tokenizer.pieces
    tokens = [TracedToken(pieces[ids[0]], 0, 0)]
    forward, backward = [0], [0]
    starts = {first: (blank, end) for blank, (first, end) in enumerate(spans)}
    fixed = iter(blanked.fixed_pieces(fills))
    index = 1
    while index < len(ids) - 1:
        if index in starts:
            blank, end = starts[index]
            tokens.append(TracedToken(fills[blank].filled, *blanked.source_span(blank)))
            forward.append(end - 1)
            backward.append(index)
            index = end
            continue
        _, (start, end) = next(fixed)
        tokens.append(TracedToken(source[start:end] or pieces[ids[index]], start, end))
        forward.append(index)
        backward.append(index)
        index += 1
    tokens.append(TracedToken(pieces[ids[-1]], len(source), len(source)))
    return tokens, [*forward, index], [*backward, index]
