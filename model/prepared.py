"""A cloze request that is checked and tokenized: what has to be read, and which terms add up to which score.

Reading the terms is the language model's part (language_model.py), so that many requests share one batch; from their
values to probabilities is answers.py's.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace

from model.blanks import BlankedText, FilledBlank
from model.bundle import Bundle
from model.cloze import CONTEXTS, ClozeRequest, ClozeWarning
from model.cloze_warnings import edit_warnings, reading_warnings
from model.errors import (
    RequestError,
    TargetError,
    TargetTooLongError,
    TextTooLongError,
    TooManyError,
    TopKError,
    UnsupportedError,
)
from model.evidence import PreparedEvidence, check_evidence, prepare_evidence
from model.interventions import Edit, check_interventions
from model.limits import Limits
from model.scores import WORD_ENDS, Place, Term, tokens_to_read
from model.scoring import TermCollector, filled_ids
from model.sites import Site
from model.trace import check_trace

MAX_TARGET_CHARACTERS = 2048
"""Code points of one target, counted before it is normalised and cut into pieces, which for a million takes seconds."""


@dataclass(frozen=True)
class PreparedCloze:
    """A request that has been checked and tokenized; what is left is to read and to add up."""

    request: ClozeRequest
    blanked: BlankedText
    fills: tuple[tuple[FilledBlank, ...], ...]
    """The candidates of each blank."""
    assignments: tuple[tuple[int, ...], ...]
    """Index of the candidate of each blank."""
    terms: tuple[Term, ...]
    """What is read, each once."""
    sums: tuple[tuple[int, ...], ...]
    """Indices into `terms` whose sum is the score of each assignment."""
    vocabulary_place: Place | None
    """Where top_k without targets looks at the whole vocabulary; the fills are then the whole words of one piece."""
    temperature: float
    warnings: tuple[ClozeWarning, ...]
    sites: tuple[Site, ...]
    n_tokens: int
    """Tokens the network will read for it."""
    probabilities_over_vocabulary: bool = False
    """Whether a candidate's probability is its share of all pieces rather than of the candidates."""
    edits: tuple[Edit, ...] = ()
    """What is edited while it is read; the terms' rows are moments then (moments.py)."""
    evidence: PreparedEvidence | None = None


def prepare(request: ClozeRequest, bundle: Bundle, limits: Limits) -> PreparedCloze:
    """Checks and tokenizes a request. Raises a RequestError that says what was wrong and what is possible."""
    _check_request(request, limits)
    blanked = BlankedText(request.text, bundle.tokenizer)
    _check_length(blanked, limits)
    edits: tuple[Edit, ...] = ()
    if request.interventions:
        edits = check_interventions(request.interventions, bundle.network, blanked.n_tokens, limits.max_interventions)
    if request.targets is None and request.top_k is not None:
        prepared = _prepare_vocabulary(request, blanked, bundle, limits)
    else:
        prepared = _prepare_targets(request, blanked, bundle, limits)
    if edits:  # read twice: before and after
        places = [term.place for term in prepared.terms]
        if prepared.vocabulary_place is not None:
            places.append(prepared.vocabulary_place)
        unread = edit_warnings(blanked, edits, places, request.context)
        warnings = (*prepared.warnings, *unread)
        prepared = replace(prepared, edits=edits, warnings=warnings, n_tokens=2 * prepared.n_tokens)
    if prepared.n_tokens > limits.max_tokens_read:
        raise TooManyError(
            f"this question makes the network read {prepared.n_tokens:,} tokens, once for every way to fill the text; "
            f"the limit is {limits.max_tokens_read:,}. Ask for fewer targets or blanks, send a shorter text"
            + (', or use context "left".' if request.context == "both" else "."),
            "text",
        )
    if request.evidence is not None:
        evidence = _prepare_evidence(prepared, bundle, limits.max_tokens_read - prepared.n_tokens)
        prepared = replace(prepared, evidence=evidence, n_tokens=prepared.n_tokens + evidence.n_tokens)
    return prepared


def _prepare_evidence(prepared: PreparedCloze, bundle: Bundle, max_tokens_read: int) -> PreparedEvidence:
    request, blanked, fills = prepared.request, prepared.blanked, prepared.fills
    over_vocabulary = prepared.vocabulary_place is not None or prepared.probabilities_over_vocabulary
    check_evidence(request.evidence, len(fills), None if over_vocabulary else len(fills[0]), bundle.network)
    collector = TermCollector(blanked, bundle, request.context, with_tokens=True)
    sums = [collector.score([fill]) for fill in fills[0]]
    terms = list(collector.terms)
    blank = filled_ids(blanked, [fills[0][0]])[1][0][0]  # every piece before the blank's is a token
    return prepare_evidence(
        str(request.evidence),
        [[terms[index] for index in indices] for indices in sums],
        blanked.n_tokens,
        blank,
        max_tokens_read,
    )


def _check_request(request: ClozeRequest, limits: Limits) -> None:
    if not isinstance(request.text, str):
        raise RequestError(f"the text is a {type(request.text).__name__}; expected a string.", "text")
    if request.context not in CONTEXTS:
        raise RequestError(f"context is {request.context!r:.60}; expected both or left.", "context")
    if request.top_k is not None and (type(request.top_k) is not int or request.top_k < 1):
        raise TopKError(f"top_k is {request.top_k!r:.60}; expected a whole number from 1.")
    if request.top_k is not None and request.top_k > limits.max_top_k:
        raise TooManyError(f"top_k is {request.top_k}; the limit is {limits.max_top_k}.", "top_k")


def _check_length(blanked: BlankedText, limits: Limits) -> None:
    n_tokens = 2 + sum(map(len, blanked.parts)) + len(blanked.blanks)
    if n_tokens <= limits.max_tokens:  # what touches the blanks is counted too, which takes longer
        n_tokens = blanked.n_tokens
    if n_tokens > limits.max_tokens:
        raise TextTooLongError(
            f"the text is {n_tokens:,} tokens long; the limit is {limits.max_tokens:,}. Send a shorter one."
        )


def _prepare_targets(request: ClozeRequest, blanked: BlankedText, bundle: Bundle, limits: Limits) -> PreparedCloze:
    lists = _target_lists(request, len(blanked.blanks), bundle, limits)
    n_assignments = math.prod(map(len, lists))
    if n_assignments > limits.max_assignments:
        ways = f"{n_assignments:,}" if n_assignments < 10**12 else "too many"
        raise TooManyError(
            f"the targets of {len(lists)} blank{'s' * (len(lists) > 1)} make {ways} ways to fill the text; the limit "
            f"is {limits.max_assignments:,}. Ask for fewer targets, or fewer blanks at a time.",
            "targets",
        )
    fills = tuple(_fills(blanked, blank, targets, limits) for blank, targets in enumerate(lists))
    assignments = tuple(itertools.product(*(range(len(candidates)) for candidates in fills)))
    scorer = TermCollector(blanked, bundle, request.context, with_tokens=bool(request.interventions))
    sums = tuple(
        scorer.score([candidates[index] for candidates, index in zip(fills, assignment, strict=True)])
        for assignment in assignments
    )
    temperatures = {bundle.temperature(targets, request.context) for targets in lists}
    temperature = temperatures.pop() if len(temperatures) == 1 else 1.0
    return _prepared(request, blanked, bundle, limits, fills, assignments, scorer, sums, temperature)


def _prepare_vocabulary(request: ClozeRequest, blanked: BlankedText, bundle: Bundle, limits: Limits) -> PreparedCloze:
    """top_k without targets: whole words of one piece, over the full vocabulary."""
    if not bundle.has_language_model:
        raise UnsupportedError(
            f"{bundle.name} was trained on the contrast at pronouns alone, without the language-model objective, so it "
            "has no top_k over the vocabulary. Give targets, or use another model.",
            "top_k",
        )
    if bundle.tokenizer.kind == "character":
        raise TopKError(
            f"{bundle.name} is a character network: no word is a single piece of it, so it has no top_k without "
            'targets. Give the words to choose from as "targets"; top_k then keeps the best of them.'
        )
    if len(blanked.blanks) > 1:
        raise TopKError(
            f"top_k without targets answers one blank; the text has {len(blanked.blanks)}. Give targets for each, or "
            "fill all blanks but one."
        )
    if blanked.touches_letters(0):
        raise TopKError(
            "the blank touches letters, so no whole word can stand there; top_k without targets needs a blank of its "
            "own. Give targets, or put a space beside the blank."
        )
    template = blanked.fill(0, "x")
    words = bundle.tokenizer.whole_words(blanked.marked(0))
    if bundle.network.direction == "causal" and request.context == "both":
        return _prepare_rescored_vocabulary(request, blanked, bundle, limits, template)
    scorer = TermCollector(blanked, bundle, request.context, with_tokens=bool(request.interventions))
    place = scorer.place([template], 0)
    fills = tuple(blanked.fill_piece(template, int(piece)) for piece in words)
    return _prepared(request, blanked, bundle, limits, (fills,), (), scorer, (), 1.0, place)


def _prepare_rescored_vocabulary(
    request: ClozeRequest, blanked: BlankedText, bundle: Bundle, limits: Limits, template: FilledBlank
) -> PreparedCloze:
    """A causal network with both sides: each piece of the vocabulary in turn, and the text after it read again."""
    n_after = len(template.ids) - template.end + len(blanked.parts[1])
    n_tokens = bundle.network.vocabulary_size * (n_after + len(blanked.parts[0]) + 2)
    if n_tokens > limits.max_tokens_read:
        raise TooManyError(
            f"top_k with both sides makes a causal network read the text once for each of its "
            f"{bundle.network.vocabulary_size:,} pieces, {n_tokens:,} tokens; the limit is {limits.max_tokens_read:,}. "
            'Use context "left", give targets, or use a bidirectional model.',
            "top_k",
        )
    fills = tuple(blanked.fill_piece(template, piece) for piece in range(bundle.network.vocabulary_size))
    scorer = TermCollector(blanked, bundle, request.context, with_tokens=bool(request.interventions))
    assignments = tuple((index,) for index in range(len(fills)))
    sums = tuple(scorer.score([candidate]) for candidate in fills)
    return _prepared(request, blanked, bundle, limits, (fills,), assignments, scorer, sums, 1.0, over_vocabulary=True)


def _prepared(
    request: ClozeRequest,
    blanked: BlankedText,
    bundle: Bundle,
    limits: Limits,
    fills: tuple[tuple[FilledBlank, ...], ...],
    assignments: tuple[tuple[int, ...], ...],
    scorer: TermCollector,
    sums: tuple[tuple[int, ...], ...],
    temperature: float,
    place: Place | None = None,
    over_vocabulary: bool = False,
) -> PreparedCloze:
    terms = tuple(scorer.terms)
    sites: tuple[Site, ...] = ()
    if request.trace is not None:
        sites = tuple(
            check_trace(request.trace, bundle.network, blanked.n_tokens, limits.max_trace_values, bundle.gender_units)
        )
    asked = terms if place is None else (Term(place, WORD_ENDS),)
    warnings = reading_warnings(blanked, fills if place is None and not over_vocabulary else (), bundle)
    n_tokens = tokens_to_read(asked)
    return PreparedCloze(
        request,
        blanked,
        fills,
        assignments,
        terms,
        sums,
        place,
        temperature,
        warnings,
        sites,
        n_tokens,
        over_vocabulary,
    )


def _target_lists(request: ClozeRequest, n_blanks: int, bundle: Bundle, limits: Limits) -> list[tuple[str, ...]]:
    """One list of targets for each blank."""
    lists = (bundle.pairs[0],) if request.targets is None else request.targets
    if len(lists) not in (1, n_blanks):
        raise TargetError(
            f"{len(lists)} lists of targets for {n_blanks} blank{'s' * (n_blanks > 1)}; expected one list for all "
            "blanks, or one for each."
        )
    for targets in lists:
        if not targets:
            raise TargetError("a list of targets is empty; give at least one word.")
        if len(targets) > limits.max_targets:
            raise TooManyError(f"{len(targets)} targets for one blank; the limit is {limits.max_targets}.", "targets")
        for target in targets:
            if not isinstance(target, str):
                raise TargetError(f"target {target!r:.60} is a {type(target).__name__}; expected a word.")
            if len(target) > MAX_TARGET_CHARACTERS:
                raise TargetTooLongError(
                    f"target {target!r:.60} is {len(target):,} characters long; a target may have at most "
                    f"{MAX_TARGET_CHARACTERS:,}. Give a word."
                )
    return [tuple(targets) for targets in (lists * n_blanks if len(lists) == 1 else lists)]


def _fills(blanked: BlankedText, blank: int, targets: tuple[str, ...], limits: Limits) -> tuple[FilledBlank, ...]:
    fills: dict[str, FilledBlank] = {}
    for target in targets:
        fill = blanked.fill(blank, target)
        if fill.filled in fills:
            first = fills[fill.filled].target
            raise TargetError(
                f"targets {first!r:.60} and {target!r:.60} are both {fill.filled!r:.60} in blank {blank + 1}; "
                "give each word once."
            )
        if len(fill.word_ids) > limits.max_target_pieces:
            raise TargetTooLongError(
                f"target {target!r:.60} is {len(fill.word_ids)} pieces; a target may have at most "
                f"{limits.max_target_pieces}. Use a shorter word, or a model with a larger vocabulary."
            )
        fills[fill.filled] = fill
    return tuple(fills.values())
