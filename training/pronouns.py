"""Pairs of pronouns: which words are one question with two answers, and how forms shared by two pairs are told apart.

Read from YAML (`training/pairs/english.yaml` is the default and explains the fields), written into every bundle.
Knows words and what follows them; mining a text with them is `mining.py`, finding them in token streams `contrasts.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import regex
import yaml

from model.text import normalised
from training.errors import PairsError

DEFAULT_PAIRS = "english"
NEXT = regex.compile(r"(?P<space> ?)(?:(?P<word>[\p{L}\p{N}\p{M}]+)|(?P<mark>[^\n])|(?P<end>\n|$))")
"""What follows a pronoun in a normalised text: a space or none, then a word, one other character, or the line's end."""

Following = Literal["noun", "pause", "unclear"]


@dataclass(frozen=True)
class PronounPair:
    """Two forms that answer the same question."""

    name: str
    """What reports call it, e.g. he/she."""
    forms: tuple[str, str]
    """Lower case; for gendered pairs the masculine form first."""
    before: Literal["noun", "pause"] | None = None
    """Where either form counts: before what opens a noun phrase, before a pause, or (None) anywhere."""
    rivals: tuple[str, ...] = ()
    """More words that training tells either form from; the question itself stays one of two answers."""
    gendered: bool = True
    """Whether the two forms differ in gender; itself/themselves differ in number."""

    def other(self, form: str) -> str:
        """The counterpart of one of the two forms."""
        return self.forms[1] if form == self.forms[0] else self.forms[0]


@dataclass(frozen=True)
class Pairs:
    """The pairs of one language; the first is a bundle's default question."""

    language: str
    """BCP 47 code, e.g. en."""
    pairs: tuple[PronounPair, ...]
    pause_words: frozenset[str] = field(default_factory=frozenset)
    """Lower-case words before which a pronoun stands by itself."""
    unclear_words: frozenset[str] = field(default_factory=frozenset)
    """Lower-case words that tell nothing."""
    unclear_endings: tuple[str, ...] = ()
    """Endings of words that tell nothing, unless the word is a pause word."""

    def __post_init__(self) -> None:
        _check(self)

    @property
    def default(self) -> PronounPair:
        """The pair a bundle asks about when a request names no targets."""
        return self.pairs[0]

    @cached_property
    def forms(self) -> tuple[str, ...]:
        """Every form once, in the order of the pairs."""
        return tuple(dict.fromkeys(form for pair in self.pairs for form in pair.forms))

    @cached_property
    def gendered_forms(self) -> tuple[str, ...]:
        """The forms of the gendered pairs once, in the order of the pairs."""
        return tuple(dict.fromkeys(form for pair in self.pairs if pair.gendered for form in pair.forms))

    def named(self, name: str) -> PronounPair:
        """The pair of that name. Raises PairsError with the names there are."""
        for pair in self.pairs:
            if pair.name == name:
                return pair
        raise PairsError(f"no pair {name!r}; the pairs are {', '.join(pair.name for pair in self.pairs)}.")

    def following(self, text: str) -> Following:
        """What stands right after a pronoun, `text` being the normalised text after it: the opening of a noun phrase, a
        pause, or unclear.

        A conservative rule on the next word or mark alone; a test lists what it does with each kind.
        """
        found = NEXT.match(text)
        assert found is not None  # the pattern matches at every place
        word, mark, space = found["word"], found["mark"], bool(found["space"])
        if word is not None:
            return self._following_word(word) if space else "unclear"
        if mark is None or (space and mark in "-—"):
            return "pause"
        # A mark after a space opens a quotation or a parenthesis; a joined apostrophe or hyphen makes another word.
        return "unclear" if space or mark in "'-" else "pause"

    def _following_word(self, word: str) -> Following:
        if word in self.pause_words:
            return "pause"
        if (
            word in self.unclear_words
            or not word.isalpha()
            or word != word.lower()
            or word.endswith(self.unclear_endings)
        ):
            return "unclear"
        return "noun"

    def to_json(self) -> dict[str, Any]:
        """What a bundle stores: plain JSON values, sorted, the same for equal pairs."""
        return {
            "language": self.language,
            "pairs": [asdict(pair) | {"forms": list(pair.forms), "rivals": list(pair.rivals)} for pair in self.pairs],
            "pause_words": sorted(self.pause_words),
            "unclear_words": sorted(self.unclear_words),
            "unclear_endings": list(self.unclear_endings),
        }

    @classmethod
    def from_json(cls, data: object, place: str = "the pairs") -> Pairs:
        """The pairs that `to_json` or a YAML file describes. Raises PairsError, naming `place`."""
        try:
            return _pairs(data)
        except PairsError as error:
            raise PairsError(f"{place}: {error}") from error


def load_pairs(source: str | Path | None = None) -> Pairs:
    """The pairs of a YAML file, of a shipped one by its name ("english", "spanish"), or (None) the English ones.

    Raises PairsError for a file that does not exist, is no YAML, or whose fields are wrong, and says which and how.
    """
    source = DEFAULT_PAIRS if source is None else source
    shipped = resources.files("training") / "pairs"
    path = Path(source)
    try:
        if not path.exists() and str(source) in _shipped_names():
            text = (shipped / f"{source}.yaml").read_text(encoding="utf-8")
        else:
            text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PairsError(
            f"{source}: cannot be read ({error}); expected a YAML file, or one of {', '.join(_shipped_names())}."
        ) from error
    try:
        data = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise PairsError(f"{source}: invalid YAML ({' '.join(str(error).split())}).") from error
    return Pairs.from_json(data, place=str(source))


def _shipped_names() -> list[str]:
    folder = resources.files("training") / "pairs"
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def _pairs(data: object) -> Pairs:
    fields = _fields(data, "the file", {"language", "pairs"}, {"pause_words", "unclear_words", "unclear_endings"})
    entries = fields["pairs"]
    if not isinstance(entries, list) or not entries:
        raise PairsError(f"'pairs' must be a list of at least one pair, got {json.dumps(entries, default=str)}.")
    return Pairs(
        language=_word(fields["language"], "language"),
        pairs=tuple(_pair(entry, number) for number, entry in enumerate(entries, 1)),
        pause_words=frozenset(_words(fields.get("pause_words"), "pause_words")),
        unclear_words=frozenset(_words(fields.get("unclear_words"), "unclear_words")),
        unclear_endings=tuple(_words(fields.get("unclear_endings"), "unclear_endings")),
    )


def _pair(entry: object, number: int) -> PronounPair:
    place = f"pair {number}"
    fields = _fields(entry, place, {"name", "forms"}, {"before", "rivals", "gendered"})
    forms = fields["forms"]
    if not isinstance(forms, list) or len(forms) != 2:
        raise PairsError(f"{place}: 'forms' must be a list of two words, got {json.dumps(forms, default=str)}.")
    first, second = (normalised(_word(form, f"{place}, 'forms'")) for form in forms)
    before = fields.get("before")
    if before not in (None, "noun", "pause"):
        raise PairsError(f"{place}: 'before' must be noun, pause or left out, got {before!r}.")
    gendered = fields.get("gendered", True)
    if not isinstance(gendered, bool):
        raise PairsError(f"{place}: 'gendered' must be true or false, got {gendered!r}.")
    rivals = tuple(_words(fields.get("rivals"), f"{place}, 'rivals'"))
    return PronounPair(_word(fields["name"], f"{place}, 'name'"), (first, second), before, rivals, gendered)


def _fields(data: object, place: str, needed: set[str], optional: set[str]) -> Mapping[str, Any]:
    if not isinstance(data, dict):
        raise PairsError(
            f"{place} must hold the fields {', '.join(sorted(needed))}, got {json.dumps(data, default=str)}."
        )
    if missing := needed - data.keys():
        raise PairsError(f"{place} lacks {', '.join(sorted(missing))}.")
    if unknown := data.keys() - needed - optional:
        raise PairsError(
            f"{place} has unknown fields {', '.join(sorted(map(str, unknown)))}; "
            f"known are {', '.join(sorted(needed | optional))}."
        )
    return data


def _word(value: object, place: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise PairsError(
            f"{place} must be a word, got {value!r}. "
            "Put words that YAML takes for something else (no, on, 1) in quotes."
        )
    return value.strip()


def _words(value: object, place: str) -> list[str]:
    """A list of words, or one text of words between spaces."""
    if value is None:
        return []
    entries = value.split() if isinstance(value, str) else value
    if not isinstance(entries, list):
        raise PairsError(f"{place!r} must be a list of words or one text of words, got {value!r}.")
    return [normalised(_word(entry, place)) for entry in entries]


def _check(pairs: Pairs) -> None:
    names = [pair.name for pair in pairs.pairs]
    if repeated := [name for name in names if names.count(name) > 1]:
        raise PairsError(f"two pairs are named {repeated[0]!r}; each needs its own name.")
    places: dict[tuple[str, str], str] = {}
    for pair in pairs.pairs:
        first, second = pair.forms
        if first == second:
            raise PairsError(f"pair {pair.name!r}: the two forms are the same, {first!r}.")
        for form in pair.forms:
            if regex.fullmatch(r"[\p{L}\p{M}]+", form) is None:
                raise PairsError(f"pair {pair.name!r}: the form {form!r} is not one word of letters.")
            if form != form.lower():
                raise PairsError(
                    f"pair {pair.name!r}: write the form {form!r} in lower case; capitals are derived from it."
                )
            for where in ("noun", "pause") if pair.before is None else (pair.before,):
                other = places.setdefault((form, where), pair.name)
                if other != pair.name:
                    raise PairsError(
                        f"{form!r} stands in the pairs {other!r} and {pair.name!r} and nothing tells them apart. "
                        "Give one of them 'before: noun' and the other 'before: pause'."
                    )
