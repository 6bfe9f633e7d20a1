"""The cases in which English asks he or she: what a grammar of stories calls them, and the pair that each one asks."""

from __future__ import annotations

from training.words import Gender

PRONOUNS: dict[Gender, dict[str, str]] = {
    "masculine": {"he": "he", "him": "him", "his": "his", "hers": "his", "himself": "himself"},
    "feminine": {"he": "she", "him": "her", "his": "her", "hers": "hers", "himself": "herself"},
}
"""The four cases (and the possessive that stands alone) as a grammar writes them, by gender."""
PAIRS = {"he": "he/she", "him": "him/her", "his": "his/her", "hers": "his/hers", "himself": "himself/herself"}
"""The pair that each case asks."""
CASES = {pair: case for case, pair in PAIRS.items()}
