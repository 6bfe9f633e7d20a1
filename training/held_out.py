"""What a network answers to the held-out questions, looked at closely: by distance, calibration, confusions, samples.

Knows the sample of a `Validation` and the margins measured on it, in the same order; draws nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np

from model.tokenizer import MARK, Tokenizer
from training.batches import Batch
from training.evaluation.answers import Answers
from training.evaluation.metrics import ReliabilityBin, softmax_pair
from training.evaluation.plots import reliability_bins, reliability_json
from training.evaluation.slices import Slice, by_distance
from training.mentions import Kind, mention_finder, nearest
from training.places import Asked
from training.pronouns import Pairs, PronounPair
from training.validation import Margins

N_SAMPLES = 12
SAMPLE_SEED = 0
Sample = Sequence[tuple[Batch, Asked]]


@dataclass(frozen=True)
class Question:
    """One pronoun of the sample, with the fragment that it stands in."""

    pair: int
    answer: int
    """0 where the pair's first form is right, 1 where its second."""
    left: str
    right: str
    """The text before and after the word, as far as the network saw it; a piece outside the vocabulary is U+FFFD."""
    seen: bool
    """Whether enough follows for it to be asked with both sides."""


@dataclass(frozen=True)
class Answered:
    """The answers of one context to the questions of one pair."""

    pair: PronounPair
    context: str
    temperature: float
    margins: Answers
    """With probabilities at temperature 1."""
    calibrated: Answers
    """With probabilities at `temperature`."""
    questions: Sequence[Question]
    distances: Sequence[int | None]
    """Words to the nearest earlier mention of the right gender, of `HeldOut.kinds`; None without one."""

    def slices(self) -> list[Slice]:
        """Accuracy by distance; nothing for a pair whose forms do not differ in gender."""
        return by_distance(self.margins, self.distances) if self.pair.gendered else []

    def reliability(self) -> dict[str, list[ReliabilityBin]]:
        """Bins of stated probabilities, before and after the temperature."""
        return {"before": reliability_bins(self.margins), "after": reliability_bins(self.calibrated)}

    def confusions(self) -> dict[str, dict[str, int]]:
        """Right form -> chosen form, or tie -> number of questions."""
        chosen = self.margins.choices()
        names = {**dict(enumerate(self.pair.forms)), -1: "tie"}
        return {
            form: {name: int(np.sum((self.margins.right == k) & (chosen == c))) for c, name in names.items()}
            for k, form in enumerate(self.pair.forms)
        }


@dataclass(frozen=True)
class HeldOut:
    """Everything that the report tells of the held-out sample."""

    kinds: tuple[Kind, ...]
    """The mentions that distances are measured to."""
    answered: Sequence[Answered]
    """By pair, then context; none without a question."""
    samples: Sequence[Mapping[str, Any]]
    """A few questions with the answers to them: text, pair, context, answer, temperature, probabilities by form."""

    def to_json(self) -> dict[str, Any]:
        """All of it: the figures, and every question's pair, answer, distance and margins in nats."""
        pairs: dict[str, dict[str, Any]] = {}
        for one in self.answered:
            pairs.setdefault(one.pair.name, {})[one.context] = {
                "temperature": one.temperature,
                "by_distance": [s.to_json() for s in one.slices()],
                "reliability": {name: reliability_json(bins) for name, bins in one.reliability().items()},
                "confusions": one.confusions(),
                "items": {
                    "answer": one.margins.right.tolist(),
                    "margin_nats": [round(value, 4) for value in one.margins.margins.tolist()],
                    "distance_words": list(one.distances),
                },
            }
        return {"distance_to": list(self.kinds), "pairs": pairs, "samples": list(self.samples)}


def held_out(
    pairs: Pairs,
    tokenizer: Tokenizer,
    sample: Sample,
    margins: Mapping[str, Margins],
    calibration: Sequence[Mapping[str, Any]],
) -> HeldOut:
    """The close look. `margins`: by context, as `Validation.measure` gives them for this sample."""
    asked = questions(sample, tokenizer)
    finder = mention_finder(pairs)
    kinds: tuple[Kind, ...] = ("name", "noun") if "name" in finder.kinds else finder.kinds
    fitted = {(entry["pair"], entry["context"]): float(entry["temperature"]) for entry in calibration}
    answered = []
    for index, pair in enumerate(pairs.pairs):
        for context, measured in margins.items():
            here = [question for question in asked if context == "left" or question.seen]
            which = [number for number, question in enumerate(here) if question.pair == index]
            if not which:
                continue
            chosen = [here[number] for number in which]
            right = np.array([question.answer for question in chosen], dtype=np.int64)
            values = np.array(measured.values, dtype=np.float64)[which]
            temperature = fitted.get((pair.name, context), 1.0)
            mentions = [nearest(finder.before(q.left), q.answer, kinds) if pair.gendered else None for q in chosen]
            answered.append(
                Answered(
                    pair,
                    context,
                    temperature,
                    Answers(right, values, softmax_pair(values)),
                    Answers(right, values, softmax_pair(values / temperature)),
                    chosen,
                    [None if mention is None else mention.distance for mention in mentions],
                )
            )
    return HeldOut(kinds, answered, _samples(answered))


def questions(sample: Sample, tokenizer: Tokenizer) -> list[Question]:
    """The pronouns of the sample as text, in the order of its margins."""
    found = []
    for batch, asked in sample:
        inner = tokenizer.is_inner(batch.ids)
        places = asked.contrast
        for number, (row, time, after) in enumerate(zip(places.row, places.time, places.after, strict=True)):
            start = int(time)
            while inner[row, start]:
                start -= 1
            ids = batch.ids[row, : batch.lengths[row]].tolist()
            word = text_of(ids[start:after], tokenizer)
            left = text_of(ids[:start], tokenizer) + word[: len(word) - len(word.lstrip(" "))]
            found.append(
                Question(
                    int(asked.contrast_pair[number]),
                    int(asked.contrast_answer[number]),
                    re.sub(r"(^|\n) ", r"\1", left),  # the space that a line's first piece carries
                    re.sub(r"\n ", "\n", text_of(ids[after:], tokenizer)),
                    bool(asked.contrast_seen[number]),
                )
            )
    return found


def text_of(ids: Sequence[int], tokenizer: Tokenizer) -> str:
    """The text of some pieces; nothing of padding and of a text's ends."""
    unknown, nothing = tokenizer.unknown_id, {tokenizer.pad_id, tokenizer.begin_id, tokenizer.end_id}
    pieces = ("\ufffd" if i == unknown else tokenizer.pieces[i].replace(MARK, " ") for i in ids if i not in nothing)
    return "".join(pieces)


def _samples(answered: Sequence[Answered]) -> list[dict[str, Any]]:
    """A seeded dozen of the first pair's questions, asked with as much context as there is."""
    if not answered:
        return []
    first = answered[0].pair
    asked = [one for one in answered if one.pair == first][-1]
    numbers = Random(SAMPLE_SEED).sample(range(len(asked.questions)), min(N_SAMPLES, len(asked.questions)))
    of_first = asked.calibrated.first_probabilities()
    return [
        {
            "left": asked.questions[n].left,
            "right": asked.questions[n].right if asked.context == "both" else "",
            "pair": first.name,
            "context": asked.context,
            "answer": first.forms[asked.questions[n].answer],
            "temperature": asked.temperature,
            "probabilities": {
                first.forms[0]: round(float(of_first[n]), 4),
                first.forms[1]: round(1 - float(of_first[n]), 4),
            },
        }
        for n in sorted(numbers)
    ]
