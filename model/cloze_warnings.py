"""What a caller should know beside an answer: words the model cannot read, and edits that no answer depends on."""

from __future__ import annotations

from collections.abc import Sequence

from model.blanks import BlankedText, FilledBlank
from model.bundle import Bundle
from model.cloze import ClozeWarning
from model.interventions import Edit
from model.moments import token_of
from model.rows import Ids
from model.scores import Place


def reading_warnings(
    blanked: BlankedText, fills: Sequence[Sequence[FilledBlank]], bundle: Bundle
) -> tuple[ClozeWarning, ...]:
    """Of places of the text, and of the candidates of each blank, that hold pieces unknown to the model."""
    source = blanked.text.source
    warnings = [
        ClozeWarning("unknown_piece", start, end, f"{source[start:end]!r:.80} is unknown to this model.")
        for start, end in blanked.unknown_spans()
    ]
    for blank, candidates in enumerate(fills):
        for fill in candidates:
            if bundle.tokenizer.unknown_id in fill.word_ids:
                start, end = blanked.source_span(blank)
                read = ", read with the letters that the blank touches," if blanked.touches_letters(blank) else ""
                message = (
                    f"target {fill.target!r:.80}{read} holds a piece unknown to this model; its probability means "
                    "little."
                )
                warnings.append(ClozeWarning("unknown_target", start, end, message))
    return tuple(warnings)


def edit_warnings(
    blanked: BlankedText, edits: Sequence[Edit], places: Sequence[Place], context: str
) -> tuple[ClozeWarning, ...]:
    """Of edits of what the network does not read for an answer: each stands at the span of the first blank.

    `places`: where pieces are asked, whose rows are moments (moments.py).
    """
    read = {
        "forward": _tokens({place.left[: place.n_left] for place in places}),
        "backward": _tokens({place.right for place in places if place.right is not None}),
    }
    warnings = []
    for number, edit in enumerate(edits):
        tokens = read[edit.site.direction]
        if not tokens:
            reason = f"with context {context!r} nothing is read {edit.site.direction}"
        elif edit.last < min(tokens) or edit.first > max(tokens):
            reason = f"what is read {edit.site.direction} for the answer is tokens {min(tokens)} to {max(tokens)}"
        else:
            continue
        message = (
            f"interventions[{number}], of {edit.site}, tokens {edit.first} to {edit.last}, changes no answer: {reason}."
        )
        warnings.append(ClozeWarning("unread_edit", *blanked.source_span(0), message))
    return tuple(warnings)


def _tokens(rows: set[Ids]) -> set[int]:
    """The tokens that these rows of moments belong to."""
    return {token_of(moment) for row in rows for moment in row}
