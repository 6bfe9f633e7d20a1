"""Stories: hand-checked ones, answers by construction, twins, errors, and two grammars that share persons alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import resources
from random import Random
from typing import Any

import pytest
import yaml

from training.cases import PAIRS, PRONOUNS
from training.errors import StoryError
from training.names import first_names, surnames
from training.stories import (
    Grammar,
    grammar_files,
    grammar_sha256,
    load_grammar,
    story_documents,
)
from training.story import Story
from training.words import OTHER

PEOPLE = {
    "nouns": {"masculine": "man", "feminine": "woman"},
    "kin": {"masculine": "son", "feminine": "daughter"},
    "roles": "usher",
    "adjectives": "kind",
}
ENDING = {"ending S": ["{S.he?} left.", "2* {S.his?} hat was gone."]}
SEEDED = [
    "A man saw the usher. His hat was gone.",
    f"A man saw the usher.{' It was raining in the park.' * 8} His hat was gone.",
    "A man saw a kind usher. He left.",
]
GENDERED = re.compile(r"\b(?:he|she|him|her|his|hers|himself|herself)\b", re.IGNORECASE)


def grammar(
    *texts: str,
    cast: dict[str, str] | None = None,
    rules: dict[str, Any] | None = None,
    people: dict[str, Any] = PEOPLE,
) -> Grammar:
    """One kind of story, "kind", about these persons."""
    story = {"kind": "kind", "cast": {"S": "any | noun"} if cast is None else cast, "text": list(texts)}
    data = {"people": people, "stories": [story], "fillers": ["it was raining in the park."], "rules": rules or {}}
    return Grammar(data, "training", "here")


def fixed(made: Grammar, seed: int = 0, **options: Any) -> tuple[Story, Story]:
    """The masculine and the feminine twin."""
    twins = made.twins(str(seed), "kind", **options)
    return (twins[0], twins[1]) if twins[0].gender == "masculine" else (twins[1], twins[0])


def words(text: str) -> str:
    """The text without what is drawn about a person: adjective and article."""
    return text.replace("kind ", "").replace("The ", "A ").replace("the ", "a ")


@pytest.mark.parametrize(
    ("form", "masculine", "feminine", "pair"),
    [
        ("he", "he", "she", "he/she"),
        ("him", "him", "her", "him/her"),
        ("his", "his", "her", "his/her"),
        ("hers", "his", "hers", "his/hers"),
        ("himself", "himself", "herself", "himself/herself"),
    ],
)
def test_a_pronoun_is_the_case_s_and_the_person_s(form: str, masculine: str, feminine: str, pair: str) -> None:
    for story, answer in zip(fixed(grammar(f"{{S}} saw {{S.{form}?}}.")), (masculine, feminine), strict=True):
        assert (story.answer, story.pair) == (answer, pair)
        assert story.text[story.start : story.end] == answer
        assert story.question.endswith(" saw ___.")
        assert words(story.text) == f"A {'man' if story.gender == 'masculine' else 'woman'} saw {answer}."


def test_a_story_s_events_are_who_was_mentioned_where_and_the_asked_pronoun_is_none() -> None:
    made = grammar("{S} lost {S.his} hat. {D} saw {S.him?}.", cast={"S": "any | noun", "D": "other | role"})
    story = fixed(made)[0]
    seen = [
        (story.text[e.start :].split()[0].lower(), e.person, e.gender, e.is_pronoun, e.called) for e in story.events
    ]
    articles = {"a", "an", "the"}
    assert [(who, gender, pronoun, called) for _, who, gender, pronoun, called in seen] == [
        (0, "masculine", False, "noun"),
        (0, "masculine", True, "noun"),
        (1, "feminine", False, "role"),
    ]
    assert seen[0][0] in articles and seen[2][0] in articles and seen[1][0] == "his"
    assert [event.tells_gender for event in story.events] == [True, True, False]
    assert (story.person, story.gender, story.has_distractor) == (0, "masculine", True)
    assert story.distance_words == story.text[story.events[1].start : story.start].count(" ") - 1


def test_sentences_are_capitalised_and_spaces_are_single() -> None:
    story = fixed(
        grammar('[empty] {S} sat down.  [empty]\n"wait," {S.he?} said. then it rained.', rules={"empty": ["", " "]})
    )[0]
    assert re.fullmatch(r'(The|A) (kind )?man sat down\.\n"Wait," he said\. Then it rained\.', story.text)


def test_an_article_fits_the_word_after_it() -> None:
    made = grammar("{S} came, and {S.he?} sat.", cast={"S": "any | role"})
    starts = {made.story(Random(seed)).text.split(" usher")[0] for seed in range(60)}
    assert starts == {"The", "An", "The kind", "A kind"}


def test_a_relative_comes_with_the_pronoun_of_whose_relative_it_is() -> None:
    story = fixed(grammar("{S} sat. {D} saw {S.him?}.", cast={"S": "any | noun", "D": "same | kin"}))[1]
    assert "Her daughter saw her." in story.text
    assert [event.is_pronoun for event in story.events] == [False, False, True]


def test_a_share_of_the_roles_can_be_surnames_that_stand_alone() -> None:
    people = PEOPLE | {"surname_share": 1.0}
    story = grammar("{S} took {S.his?} hat.", people=people, cast={"S": "any | role"}).story(Random(1))
    assert story.text.split()[0] in surnames()
    assert not story.events[0].tells_gender


def test_a_rule_s_parameters_are_the_persons_it_is_called_with() -> None:
    rules = {"greets A B": ["{A} met {B} and nodded to {B.him?}"]}
    made = grammar("[greets D S].", cast={"S": "any | noun", "D": "other | noun"}, rules=rules)
    for story in fixed(made):
        assert words(story.text).endswith(
            f"met a {'man' if story.gender == 'masculine' else 'woman'} and nodded to {story.answer}."
        )
        assert story.person == 0


def test_a_line_with_a_number_stands_so_often() -> None:
    made = grammar("[what S].", rules={"what S": ["3* {S} ran and {S.he?} ran", "{S} sat and {S.he?} sat"]})
    n_ran = sum("ran" in made.story(Random(seed)).text for seed in range(400))
    assert 260 < n_ran < 340


@pytest.mark.parametrize(("wanted", "sentences"), [(0, 0), (1, 1), (6, 1), (7, 2), (100, 17)])
def test_as_many_filler_sentences_as_the_wanted_words_need(wanted: int, sentences: int) -> None:
    story = fixed(grammar("{S} sat.[filler] {S.he?} left."), filler_words=wanted)[0]
    assert story.text.count("It was raining in the park.") == sentences
    assert story.distance_words == 6 * sentences + len(story.text.split(" sat.")[0].split())


def test_the_same_seed_gives_the_same_story() -> None:
    made = load_grammar("training", "training")
    assert made.story(Random("a")) == made.story(Random("a")) != made.story(Random("b"))


def test_twins_differ_in_genders_alone() -> None:
    made = load_grammar("tracking", "all")
    for kind in made.kinds:
        for number in range(20):
            one, other = made.twins(f"twins {number}", kind)
            assert one == made.twins(f"twins {number}", kind)[0]
            assert one.gender != other.gender
            assert (one.pair, one.person, one.kind) == (other.pair, other.person, other.kind)
            assert {one.answer, other.answer} == {
                PRONOUNS[g][f] for g in PRONOUNS for f, p in PAIRS.items() if p == one.pair
            }
            called = [[(e.person, e.is_pronoun, e.called) for e in story.events] for story in (one, other)]
            assert called[0] == called[1]
            assert all(a.gender != b.gender for a, b in zip(one.events, other.events, strict=True))


# What a grammar may get wrong.


def test_a_kind_that_the_grammar_does_not_have_is_refused() -> None:
    with pytest.raises(StoryError, match="here: there is no story of kind 'saga'; there are kind"):
        grammar("{S} saw {S.him?}.").story(Random(0), "saga")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{S} [sat] and {S.he?} left.", "here: there is no rule 'sat'"),
        ("[told S D] {S.he?}", "does not fit the rule told A"),
        ("[told X] {S.he?}", "does not fit the rule told A"),
        ("{X} saw {S.him?}.", "names nobody of S"),
        ("[empty] {S.they?}", "asks for 'they'; expected s or he, him, his, hers, himself"),
        ("{S} sat.", "asks 0 pronouns"),
        ("{S} sat. {S.he?} left. {S.he?} came.", "asks 2 pronouns"),
        ("[again] {S.he?}", "expands without an end"),
    ],
)
def test_a_grammar_that_does_not_hold_together_is_refused_with_its_place(text: str, message: str) -> None:
    rules = {"told A": ["{A} spoke"], "empty": [""], "again": ["x [again] [again]"]}
    with pytest.raises(StoryError, match=re.escape(message)) as caught:
        grammar(text, rules=rules).story(Random(0))
    assert str(caught.value).startswith("here: ")


def test_a_rule_without_parameters_knows_no_persons() -> None:
    with pytest.raises(StoryError, match="names nobody of an empty cast"):
        grammar("{S} sat. {S.he?} [did].", rules={"did": ["saw {S}"]}).story(Random(0))


def test_an_article_fits_the_word_that_a_rule_brings() -> None:
    rules = {"thing": ["apple"], "bill": ["university bill"], "own": ["usual umbrella"], "other": ["European umbrella"]}
    text = "{S}, a American and a heir, lost a [thing], a [bill], a [own] and a [other] in a hour. {S.he?} left."
    told = grammar(text, cast={"S": "any | name"}, rules=rules).story(Random(0)).text
    assert ", an American and an heir, lost an apple, a university bill, a usual umbrella " in told
    assert " and a European umbrella in an hour." in told


def test_no_two_persons_of_a_story_are_called_by_the_same_noun() -> None:
    text = "{S} saw {D} and {E}. {S.he?} left."
    two = PEOPLE | {"roles": "cook, baker, guard", "adjectives": "kind, tall, old"}
    made = grammar(text, cast={"S": "any | role", "D": "mixed | role", "E": "mixed | role"}, people=two)
    for seed in range(200):
        words = re.findall(r"cook|baker|guard", made.story(Random(seed)).text)
        assert len(words) == len(set(words)) == 3


# The shipped grammars.


@pytest.mark.parametrize("name", ["training", "tracking"])
def test_every_rule_of_a_shipped_grammar_can_be_called_and_every_story_told(name: str) -> None:
    made = load_grammar(name, "training" if name == "training" else "all")
    stories = [made.story(Random(f"{kind}/{n}"), kind) for kind in made.kinds for n in range(150)]
    for story in stories:
        assert story.text[story.start : story.end].lower() == story.answer
        assert not re.search(r"[\[\]{}*\ue000-\ue2ff]|  ", story.text), story.text
    assert {story.pair for story in stories} == set(PAIRS.values())
    called = set(re.findall(r"\[([\w-]+)", " ".join(_written(name)))) - {"filler"}
    assert called == made.rules.keys()


def test_what_a_seed_gives_stays_the_same() -> None:
    """Bundles are made again from their seeds, so neither the order nor the number of draws may change."""
    made = grammar("{S} saw {D}.[filler] [ending S]", cast={"S": "any | noun", "D": "mixed | role"}, rules=ENDING)
    assert [made.story(Random(seed)).text for seed in (1, 2, 3)] == SEEDED
    assert grammar_sha256() == grammar_sha256("training") != grammar_sha256("tracking")


def test_documents_hold_one_story_or_as_many_as_fit() -> None:
    documents = [list(document.paragraphs) for document in story_documents(400, 3)]
    single = [document for document in documents if len(document) == 1]
    assert 0.3 < len(single) / len(documents) < 0.6
    for document in documents:
        assert len(document) == 1 or sum(len(text.split()) for text in document) <= 150


def test_every_document_of_stories_is_followed_by_its_twin() -> None:
    documents = [list(document.paragraphs) for document in story_documents(201, 3)]
    assert len(documents) == 201
    assert documents[:6] == [list(document.paragraphs) for document in story_documents(6, 3)]
    pronouns = {form: gender for gender, forms in PRONOUNS.items() for form in forms.values()}
    for one, other in zip(documents[:200:2], documents[1:200:2], strict=True):
        assert len(one) == len(other)
        for text, twin in zip(one, other, strict=True):
            told, twins = (
                [pronouns[w] for w in re.findall(r"[a-z]+", t.lower()) if w in pronouns] for t in (text, twin)
            )
            assert [OTHER[gender] for gender in told] == twins


def test_nothing_tells_the_gender_in_a_story_of_nobody() -> None:
    made = load_grammar("training", "training")
    for number in range(200):
        one, other = made.twins(f"nobody {number}", "nobody")
        assert one.answer != other.answer
        forms = "|".join({form for forms in PRONOUNS.values() for form in forms.values()})
        blank = [re.sub(rf"\b({forms})\b", "_", text, flags=re.IGNORECASE) for text in (one.text, other.text)]
        assert blank[0] == blank[1]


def _texts(name: str) -> list[str]:
    """The files of a grammar, without their comments."""
    texts = [(resources.files("training") / path).read_text(encoding="utf-8") for path in grammar_files(name)]
    return [re.sub(r"^ *#.*$", "", text, flags=re.MULTILINE) for text in texts]


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner)


def _written(name: str) -> list[str]:
    """Every line of a grammar's rules, fillers and stories."""
    parts = [yaml.safe_load(text) for text in _texts(name)]
    return [
        line
        for part in parts
        for line in _strings(
            [part.get("rules"), part.get("fillers"), [story["text"] for story in part.get("stories", [])]]
        )
    ]


def _lines(name: str) -> list[str]:
    """Every line that may be written, without "3* "; what it calls is a bar."""
    lines = _written(name)
    return [re.sub(r"\[[^\]]*\]|\{[^}]*\}", "|", re.sub(r"^\d+\* ", "", line)).lower() for line in lines]


def _runs(lines: list[str], length: int) -> set[tuple[str, ...]]:
    """Words that stand side by side in a line, with neither a mark nor something called between them."""
    runs = set()
    for line in lines:
        for part in re.split(r"[^a-z' -]", line):
            found = part.split()
            runs |= {tuple(found[n : n + length]) for n in range(len(found) - length + 1)}
    return runs


NOUN_RULES = ("thing", "worn", "instrument", "place", "animal", "month")


def test_the_measuring_grammar_shares_persons_alone_with_the_training_one() -> None:
    """No word of a role or an adjective stands anywhere in the training grammar, nor do the nouns of
    NOUN_RULES. Sentences: no line of two words or more stands in both, nor do any four words side by side. Single words
    (said, the) may."""
    known = set(re.findall(r"[a-z]+", " ".join(_texts("training")).lower()))
    data = yaml.safe_load(_texts("tracking")[0])
    for text in [*_strings(data["people"]), *_strings([data["rules"][rule] for rule in NOUN_RULES])]:
        assert not set(re.findall(r"[a-z]+", text.lower())) & known
    training, tracking = _lines("training"), _lines("tracking")
    shared = {line.strip(" .") for line in training} & {line.strip(" .") for line in tracking}
    assert not [line for line in shared if len(re.findall(r"[a-z]+", line)) > 1]
    assert not _runs(training, 4) & _runs(tracking, 4)


def test_names_held_out_stand_in_no_training_story() -> None:
    for gender in ("masculine", "feminine"):
        held_out = set(first_names(gender, "held out"))
        assert not held_out & set(first_names(gender, "training"))
        assert len(held_out) > 250
    assert not set(surnames("held out")) & set(surnames("training"))
    held_out = {*first_names("masculine", "held out"), *first_names("feminine", "held out")}
    for document in story_documents(300, 5):
        for paragraph in document.paragraphs:
            names = re.findall(r"(?<![.!?\n\"] )(?<!^)\b[A-Z]\w+", paragraph)
            assert not held_out & set(names)


def test_several_hundred_nouns_and_roles_stand_in_the_measuring_grammar() -> None:
    persons = load_grammar("tracking", "all").casting
    nouns, roles = [persons.nouns["masculine"], persons.nouns["feminine"]], persons.roles
    assert min(map(len, nouns)) >= 120
    assert len(roles) >= 150
    everybody = [*nouns[0], *nouns[1], *roles]
    assert len(set(everybody)) == len(everybody) > 300


def test_nothing_after_the_blank_of_a_measuring_story_gives_the_answer_away() -> None:
    made = load_grammar("tracking", "all")
    for kind in made.kinds:
        for number in range(150):
            story = made.twins(f"after {number}", kind)[0]
            assert not GENDERED.search(story.text[story.end :])
            assert not [event for event in story.events if event.start > story.start]


def test_in_a_measuring_distractor_story_the_distractor_stands_between_the_subject_and_the_blank() -> None:
    made = load_grammar("tracking", "all")
    for kind, other in (("distractor of the other gender", True), ("distractor of the same gender", False)):
        for number in range(300):
            story = made.twins(f"between {number}", kind)[0]
            last = [event for event in story.events if not event.is_pronoun][-1]
            assert last.person != story.person == 0
            assert (last.gender != story.gender) == other
