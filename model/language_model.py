"""A loaded bundle that answers questions: where tokenizer, runtime and cloze come together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import cast

import numpy as np

from model.answering import Answering
from model.belief import Belief, BeliefStream
from model.bundle import Bundle, is_bundle, moved_aside, read_bundle
from model.cloze import ClozeRequest, ClozeResult
from model.config import NetworkConfig
from model.equations import always
from model.errors import ModelNotFoundError, RequestError, TargetError, UnsupportedError
from model.interventions import Intervention
from model.limits import Limits
from model.pair import PairQuestion, checked_pair
from model.prepared import PreparedCloze, prepare
from model.runtime import Runtime
from model.scores import Place, Term, score_terms
from model.text import normalised
from model.tokenizer import Tokenizer
from model.trace import TraceRequest

WINDOW_TOKENS = 512
"""Ids read at once from a document of any length."""
KEPT_PAIRS = 64
"""Pairs of words whose preparation is kept: a text in chunks asks for the same one each time."""


@dataclass(frozen=True)
class TextScore:
    """Log-likelihood of a text under the forward half."""

    log_probability_nats: float
    n_tokens: int
    """Pieces that were scored."""
    n_characters: int
    """Code points of the normalised text, line ends counted."""
    n_unknown: int
    """Scored pieces that are unknown to the tokenizer."""


class LanguageModel:
    """A bundle ready to answer. Safe to use from several threads; answers never depend on what else is asked."""

    def __init__(self, bundle: Bundle, limits: Limits | None = None, threads: int = 1) -> None:
        """`threads` of one call. `limits`: what a single request may ask."""
        self.bundle = bundle
        self.limits = limits or Limits()
        self.runtime = Runtime(bundle.network, bundle.weights, threads)
        self._answering = Answering(bundle, self.runtime)
        self._questions: dict[tuple[str, str], PairQuestion] = {}

    @property
    def name(self) -> str:
        """The bundle's name."""
        return self.bundle.name

    @property
    def config(self) -> NetworkConfig:
        """Structure, cell and sizes of the network."""
        return self.bundle.network

    @property
    def tokenizer(self) -> Tokenizer:
        """The bundle's tokenizer."""
        return self.bundle.tokenizer

    @property
    def sha256(self) -> str:
        """The bundle's content hash."""
        return self.bundle.sha256

    def cloze(
        self,
        text: str,
        targets: Sequence[str] | Sequence[Sequence[str]] | None = None,
        *,
        top_k: int | None = None,
        context: str = "both",
        trace: TraceRequest | bool | None = None,
        evidence: str | None = None,
        interventions: Sequence[Intervention] = (),
    ) -> ClozeResult:
        """The probability of each target in the blank(s) of `text`.

        targets: words for every blank, or one list a blank; default the bundle's pronoun pair, or, with `top_k`, every
        whole word of one piece. context: "both" or "left". trace: True for the 8 liveliest units of every site.
        evidence: "hold", "write" or "erase" (evidence.py). interventions: edits, applied in this order.
        Raises RequestError, which says what was wrong and what is possible.
        """
        return self.cloze_batch(
            [text],
            targets,
            top_k=top_k,
            context=context,
            trace=trace,
            evidence=evidence,
            interventions=interventions,
        )[0]

    def cloze_batch(
        self,
        texts: Sequence[str],
        targets: Sequence[str] | Sequence[Sequence[str]] | None = None,
        *,
        top_k: int | None = None,
        context: str = "both",
        trace: TraceRequest | bool | None = None,
        evidence: str | None = None,
        interventions: Sequence[Intervention] = (),
    ) -> list[ClozeResult]:
        """`cloze` for several texts in one batch: the same answers, sooner."""
        asked = TraceRequest() if trace is True else trace or None
        lists, edits = _as_lists(targets), tuple(interventions)
        return self.answer(
            [self.prepare(ClozeRequest(text, lists, top_k, context, asked, evidence, edits)) for text in texts]
        )

    def prepare(self, request: ClozeRequest) -> PreparedCloze:
        """Checks and tokenizes one request, cheaply. Raises RequestError."""
        return prepare(request, self.bundle, self.limits)

    def answer(self, prepared: Sequence[PreparedCloze], is_wanted: Callable[[], bool] = always) -> list[ClozeResult]:
        """Answers prepared requests, of one caller or many, in one batch.

        `is_wanted` is asked now and then by what takes long (evidence, interventions), on the thread that computes.
        Raises AbandonedError once it has said no.
        """
        return self._answering.answer(prepared, is_wanted)

    def belief(self, text: str, pair: Sequence[str] | None = None, *, state: str | None = None) -> Belief:
        """P(first of `pair`) at every token of `text`, if a pronoun came next; and the state with which to go on.

        pair: two words, default the bundle's first pair. state: of the belief of the text before this one; the last
        tokens of that, which were provisional, come again. Raises RequestError, StateError.
        """
        stream = self.belief_stream(pair, state=state)
        settled = stream.feed(text)
        return Belief((*settled, *stream.provisional()), stream.state, stream.warnings)

    def belief_stream(
        self, pair: Sequence[str] | None = None, *, state: str | None = None, is_wanted: Callable[[], bool] = always
    ) -> BeliefStream:
        """`belief` for a text that comes in chunks, or is long: feed them, then `finish`; memory stays the same.

        `is_wanted`: as for `answer`.
        """
        asked = checked_pair(self.bundle.pairs[0] if pair is None else pair)
        question = self._questions.get(asked)
        if question is None:
            question = PairQuestion(self.bundle, self.runtime, asked, self.limits)
            if len(self._questions) >= KEPT_PAIRS:
                self._questions.clear()
            self._questions[asked] = question
        return BeliefStream(self.bundle, self.runtime, question, state, is_wanted)

    def log_likelihood(self, texts: Sequence[str], given: Sequence[str] | None = None) -> list[TextScore]:
        """Sum of log P of all pieces after <s>, without </s>, by the forward half. Raises UnsupportedError.

        `given`: the beginning of each text that is read and not scored; it ends where a word does. Raises RequestError
        where it is no such beginning.
        """
        self._need_language_model("log-likelihoods")
        encoded = [(self.tokenizer.begin_id, *self.tokenizer.encode_ids(normalised(text))) for text in texts]
        firsts = [1] * len(texts)
        if given is not None:
            beginnings = [self.tokenizer.encode_ids(normalised(beginning)) for beginning in given]
            for number, (ids, beginning) in enumerate(zip(encoded, beginnings, strict=True)):
                firsts[number] += len(beginning)
                if ids[1 : firsts[number]] != tuple(beginning):
                    raise RequestError(
                        f"the given beginning {given[number][-60:]!r} is not one of the text, or ends inside a word of "
                        "it.",
                        f"given[{number}]",
                    )
        terms = [
            [Term(Place(ids, place, None), ids[place]) for place in range(first, len(ids))]
            for ids, first in zip(encoded, firsts, strict=True)
        ]
        values = score_terms(self.runtime, [term for row in terms for term in row], self.tokenizer.continues)
        scores, start = [], 0
        for text, row in zip(texts, terms, strict=True):
            nats = float(values[start : start + len(row)].sum())
            start += len(row)
            n_unknown = sum(term.piece == self.tokenizer.unknown_id for term in row)
            scores.append(TextScore(nats, len(row), len(normalised(text)), n_unknown))
        return scores

    def score_document(self, paragraphs: Iterable[str]) -> TextScore:
        """Log-likelihood of a document of any length, its state carried on; newlines between paragraphs and </s> count.

        paragraphs: normalised, read once. Memory does not grow with the document. Raises UnsupportedError.
        """
        self._need_language_model("perplexity")
        tokenizer = self.tokenizer
        state = self.runtime.initial_state(1)
        pending: list[int] = [tokenizer.begin_id]
        nats, n_tokens, n_characters, n_unknown = 0.0, 0, 0, 0
        newline: list[int] = []

        def read_pending(last: bool) -> None:
            nonlocal state, pending, nats, n_tokens, n_unknown
            while len(pending) > WINDOW_TOKENS or (last and len(pending) > 1):
                window = pending[: WINDOW_TOKENS + 1]
                reading = self.runtime.read("forward", [window[:-1]], state, final_state=True)
                log_probabilities = self.runtime.log_probabilities(reading.top[:, 0])
                nats += float(log_probabilities[np.arange(len(window) - 1), window[1:]].sum(dtype=np.float64))
                n_tokens += len(window) - 1
                n_unknown += window[1:].count(tokenizer.unknown_id)
                state, pending = reading.final_state, pending[len(window) - 1 :]

        for paragraph in paragraphs:
            pending += newline + tokenizer.encode_ids(paragraph)
            n_characters += len(paragraph) + 1
            newline = tokenizer.encode_ids("\n")
            read_pending(last=False)
        pending.append(tokenizer.end_id)
        read_pending(last=True)
        return TextScore(nats, n_tokens, n_characters, n_unknown)

    def _need_language_model(self, what: str) -> None:
        if not self.bundle.has_language_model:
            raise UnsupportedError(
                f"{self.name} was trained on the contrast at pronouns alone, without the language-model objective, so "
                f"it has no {what}. Use another model, or train one with a language_model_weight."
            )


def _as_lists(targets: Sequence[str] | Sequence[Sequence[str]] | None) -> tuple[tuple[str, ...], ...] | None:
    """Words for every blank, or lists of words, one a blank -> lists."""
    if targets is None:
        return None
    if isinstance(targets, str):
        return ((targets,),)
    if not any(isinstance(words, list | tuple) for words in targets):
        return (cast("tuple[str, ...]", tuple(targets)),)  # that all are words is checked with the rest
    if any(isinstance(words, str) for words in targets):
        raise TargetError("targets holds words and lists of words; expected words, or one list of words a blank.")
    return tuple(tuple(words) for words in targets)


def shipped_folder() -> Path:
    """Where the bundles that come with the package lie."""
    return Path(str(resources.files("model") / "bundles"))


def find_bundle(name_or_folder: str | Path) -> Path:
    """The folder of a shipped bundle by its name, or of a bundle by its path. Raises ModelNotFoundError."""
    folder, shipped = Path(name_or_folder), shipped_folder()
    if is_bundle(folder) or is_bundle(moved_aside(folder)):
        return folder
    if str(name_or_folder) == folder.name and is_bundle(shipped / folder.name):
        return shipped / folder.name
    if folder.is_dir():  # no bundle, which reading it will say
        return folder
    names = sorted(entry.name for entry in shipped.iterdir() if is_bundle(entry)) if shipped.is_dir() else []
    raise ModelNotFoundError(
        f"there is no model {str(name_or_folder)!r}: neither a folder nor a shipped bundle "
        f"({', '.join(names) or 'none is shipped'})."
    )


def load(name_or_folder: str | Path, *, limits: Limits | None = None, threads: int = 1) -> LanguageModel:
    """A shipped bundle by its name ("en-lstm"), or one by its folder, verified and ready.

    Raises ModelNotFoundError, or a BundleError that says which check failed.
    """
    return LanguageModel(read_bundle(find_bundle(name_or_folder)), limits, threads)
