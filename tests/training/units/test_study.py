"""The study finds the one unit that was planted, and nothing else; what its gate does around a new subject."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiny import tiny_documents
from tests.training.units.planted import PLANTED, TEXT, planted_bundle
from training.errors import EvaluationError
from training.pronouns import load_pairs
from training.units.ablation import Unit
from training.units.questions import mined_questions, story_questions
from training.units.report import bundle_json, n_significant
from training.units.study import Options, Study, study
from training.units.subjects import AGAIN, ELSEWHERE, subject_stories

STACK = "layer0.forward"
UNIT = Unit(0, "forward", PLANTED)


def studied(folder: Path, cell: str, **options: int | bool) -> Study:
    bundle, pairs = planted_bundle(folder, cell), load_pairs()
    questions = [
        mined_questions(bundle, pairs, pairs.pairs[:1], tiny_documents([TEXT]), 20, 0),
        story_questions(bundle, pairs, 2, 0),
    ]
    return study(bundle, questions, subject_stories(pairs, 2, 0), Options(**({"top": 2, "controls": 3} | options)))  # type: ignore[arg-type]


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_the_planted_unit_is_found_and_nothing_else(tmp_path: Path, cell: str, exact: bool) -> None:
    found = studied(tmp_path / "planted", cell, exact=exact)
    assert found.ranked()[0] == UNIT
    mined, stories = found.measured
    assert mined.units[UNIT].log_odds > 1
    assert mined.units[UNIT].interval.low > 0
    assert mined.units[UNIT].accuracy > 0
    assert n_significant(mined) == 1
    assert mined.units[UNIT].corrected_p == pytest.approx(6 * 2 / 2**mined.n_places)
    # in stories the last pronoun is not always the asked one's, so the unit helps in some and misleads in others
    assert stories.units[UNIT].log_odds != 0
    for one in (mined, stories):
        assert all(effect.log_odds == 0 for unit, effect in one.units.items() if unit != UNIT)
        assert len(one.units) == (6 if exact else 5)
        # the only unit that carries anything carries all of it, and the random groups of others nothing
        assert one.groups[0].top.log_odds == pytest.approx(one.all_lost, abs=1e-6)
        assert one.groups[0].share == pytest.approx(1)
        assert all(effect.log_odds == 0 for group in one.groups for effect in group.random)
    best = max(found.selectivity, key=lambda unit: found.selectivity[unit].auc)
    assert best == UNIT
    assert found.selectivity[UNIT].higher_for == "masculine"
    if exact:
        assert found.screening_recall is not None


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_the_planted_gate_closes_at_pronouns_and_keeps_elsewhere(tmp_path: Path, cell: str) -> None:
    found = studied(tmp_path / "planted", cell, top=1)
    assert found.ranking == {STACK: [UNIT]}
    gates = found.gates[STACK]["top"]
    assert gates.gate == {"lstm": "forget_gate", "gru": "update_gate"}[cell]
    assert gates.units == (PLANTED,)
    # nearly all that names the subject again is a pronoun; elsewhere its pieces stand in a few longer words only
    assert gates.levels[AGAIN].mean < 0.5
    assert gates.levels[ELSEWHERE].mean > 0.95
    middle = gates.course[AGAIN][5]
    assert middle is not None
    assert middle.mean == pytest.approx(gates.levels[AGAIN].mean)


def test_the_same_seed_gives_the_same_study(tmp_path: Path) -> None:
    first, second = studied(tmp_path / "planted", "gru"), studied(tmp_path / "planted", "gru")
    assert bundle_json(first) == bundle_json(second)


def test_too_few_questions_for_two_halves_are_refused(tmp_path: Path) -> None:
    bundle, pairs = planted_bundle(tmp_path / "planted", "gru"), load_pairs()
    few = story_questions(bundle, pairs, 2, 0).chosen([0, 1])
    with pytest.raises(EvaluationError, match="too few: units are chosen on one half"):
        study(bundle, [few], subject_stories(pairs, 2, 0), Options())
