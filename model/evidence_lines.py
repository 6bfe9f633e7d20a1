"""Evidence in a terminal: the sentence with its words in colours, and a line a token.

Blue speaks for the first target and orange for the second, as in the picture of the gates; the stronger the colour,
the more. Without colours the lines say the same.
"""

from __future__ import annotations

from model.evidence import Evidence, TokenEvidence
from model.labels import display_width, padded, visible

FIRST, SECOND = (153, 111, 33, 27), (223, 215, 208, 202)
"""Numbers of a terminal's 256 colours, from weak to strong."""
FAINT = 0.05
"""Share of the strongest change below which a word has no colour."""
BLANK, PLAIN = "\x1b[1;4m", "\x1b[0m"
HALF_WIDTH = 12


def evidence_lines(text: str, evidence: Evidence, colours: bool) -> list[str]:
    """What is printed below the predictions of `text`; `colours`: whether the terminal shows them."""
    first, second = visible(evidence.first), visible(evidence.second)
    changes = [abs(entry.log_odds_change) for entry in evidence.tokens if entry.log_odds_change is not None]
    strongest = max(changes, default=0.0) or 1.0
    lines = [f"  evidence ({evidence.kind}): log-odds of {first} against {second}, with each token minus without it"]
    if colours:
        lines.append("  " + _sentence(text, evidence.tokens, strongest))
    width = max((display_width(visible(entry.token.text)) for entry in evidence.tokens), default=0)
    for number, entry in enumerate(evidence.tokens):  # as --intervene counts them
        name = padded(visible(entry.token.text), width)
        if entry.log_odds_change is None:
            lines.append(f"  {number:>3}  {name}  {'the blank':>9}")
            continue
        share = entry.log_odds_change / strongest
        bar = ("+" if share > 0 else "-") * round(HALF_WIDTH * abs(share))
        told = "" if abs(share) < FAINT else f"  {bar} {first if share > 0 else second}"
        if colours and (colour := _colour(share)):
            name = f"{colour}{name}{PLAIN}"
        lines.append(f"  {number:>3}  {name}  {entry.log_odds_change:>+9.2f}{told}")
    return lines


def _sentence(text: str, evidence: tuple[TokenEvidence, ...], strongest: float) -> str:
    """The text with its most probable word in the blank, every token in its colour."""
    shown, end = "", 0
    for entry in evidence:
        start, stop = entry.token.start, entry.token.end
        if start == stop:
            continue
        between = text[end:start]
        shown += " " if between and not between.strip() else visible(between) if between else ""
        colour = BLANK if entry.log_odds_change is None else _colour(entry.log_odds_change / strongest)
        word = visible(entry.token.text)
        shown += f"{colour}{word}{PLAIN}" if colour else word
        end = stop
    return shown


def _colour(share: float) -> str:
    """The escape of a colour for a share of the strongest change, -1 to 1; none for next to nothing."""
    if abs(share) < FAINT:
        return ""
    colours = FIRST if share > 0 else SECOND
    return f"\x1b[38;5;{colours[min(int(abs(share) * len(colours)), len(colours) - 1)]}m"
