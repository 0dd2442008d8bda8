"""Both learners behind one interface: ladder, sessions, resets, opt-outs, exact replay."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from desireline.core import beta, logistic, policy
from desireline.core.propensity import rank_propensities
from desireline.types import log
from desireline.types.learning import Context, LearningConfig
from tests.core import teaching
from tests.core.teaching import ADA, BOB, DAY, SEARCHES, a_document, a_lesson, some_lessons

BETA = LearningConfig()
LOGISTIC = LearningConfig(algorithm="logistic")
BOTH = pytest.mark.parametrize("config", [BETA, LOGISTIC], ids=["thompson_sampling", "logistic"])
NOW = 100 * DAY


def fold(lessons: list[policy.Lesson], config: LearningConfig) -> policy.State:
    return policy.fold_all(policy.State(), lessons, config, SEARCHES)


def choose(nodes: policy.Nodes, context: Context, config: LearningConfig, now_ms: int = NOW):
    return teaching.choose(nodes, context, config, SEARCHES, now_ms, np.random.default_rng(1))


def click(day: float = 0, context: Context = ADA, user: str = "ada", **more: str) -> policy.Lesson:
    documents = a_document((0.9, 0.1, 0.1), 1.0), a_document((0.1, 0.9, 0.1), position=1)
    return a_lesson(*documents, day=day, context=context, user=user, **more)


@BOTH
def test_without_evidence_weights_are_equal_and_nothing_is_drawn(config: LearningConfig):
    rng = np.random.default_rng(1)
    weights = teaching.choose({}, ADA, config, 3, NOW, rng)
    assert weights.values == (1 / 3, 1 / 3, 1 / 3)
    assert (weights.level, weights.context_key) == ("prior", "")
    assert rng.random() == np.random.default_rng(1).random()
    assert policy.mean(policy.ready({}, ADA, config, 7, NOW)).values == (1 / 7,) * 7


@BOTH
def test_ignored_documents_alone_keep_the_static_ranking(config: LearningConfig):
    state = fold([a_lesson(a_document())] * 3, config)
    assert choose(state.nodes, ADA, config, 0).level == "prior"


@BOTH
def test_the_ladder(config: LearningConfig):
    state = fold([click(day) for day in range(4)], config)
    shared = "demographic" if config is BETA else "global"
    assert choose(state.nodes, ADA, config).level == shared
    assert choose(state.nodes, Context(personal="personal:new"), config).level == "global"
    state = policy.fold(state, click(5), config, SEARCHES)
    weights = choose(state.nodes, ADA, config)
    assert (weights.level, weights.context_key) == ("personal", ADA.personal)
    assert weights.interactions == 5
    assert choose(state.nodes, BOB, config).level == "demographic"


@BOTH
def test_folding_is_deterministic_and_survives_storage(config: LearningConfig):
    lessons = some_lessons(120)
    whole = fold(lessons, config)
    middle = policy.from_bytes(policy.to_bytes(fold(lessons[:50], config)))
    resumed = policy.fold_all(middle, lessons[50:], config, SEARCHES)
    one_by_one = policy.State()
    for lesson in lessons:
        one_by_one = policy.fold(one_by_one, lesson, config, SEARCHES)
    assert policy.to_bytes(whole) == policy.to_bytes(resumed) == policy.to_bytes(one_by_one)
    assert policy.fingerprint(whole.nodes) == policy.fingerprint(resumed.nodes)
    assert whole.n_lessons == 120
    assert policy.fingerprint(fold(lessons[1:], config).nodes) != policy.fingerprint(whole.nodes)


@BOTH
def test_an_update_names_only_what_changes_and_changes_nothing_else(config: LearningConfig):
    state = fold(some_lessons(30), config)
    before = policy.to_bytes(state)
    changed = policy.update(state.nodes, click(40), config, SEARCHES)
    assert set(changed) == set(ADA.keys)
    assert policy.to_bytes(state) == before


@BOTH
def test_the_keys_of_a_node_mapping_do_not_depend_on_insertion(config: LearningConfig):
    nodes = fold(some_lessons(20), config).nodes
    assert policy.fingerprint(dict(reversed(nodes.items()))) == policy.fingerprint(nodes)


@BOTH
def test_draws_keep_their_bounds(config: LearningConfig):
    nodes = fold(some_lessons(80), config).nodes
    drawn = teaching.draws(nodes, ADA, config, SEARCHES, NOW, np.random.default_rng(3), 500)
    np.testing.assert_allclose(drawn.sum(axis=1), 1, atol=1e-9)
    assert (drawn >= 0.05 - 1e-12).all()
    assert (drawn <= 0.95 + 1e-12).all()
    assert drawn.std(axis=0).min() > 0


@BOTH
def test_reset_forgets_the_user_and_keeps_what_was_shared(config: LearningConfig):
    elsewhere = msgspec.structs.replace(ADA, personal="personal:ada-mobile")
    state = fold([*[click()] * 6, click(context=elsewhere), click(context=BOB, user="bob")], config)
    reset = policy.Lesson(kind="reset", at_ms=NOW, user_id="ada")
    after = policy.fold(state, reset, config, SEARCHES)
    assert state.nodes.keys() - after.nodes.keys() == {ADA.personal, elsewhere.personal}
    assert after.nodes["global"] == state.nodes["global"]
    assert policy.interactions(after.nodes.get(ADA.personal), SEARCHES, NOW, config) == 0
    assert policy.fold(state, msgspec.structs.replace(reset, user_id="nobody"), config, 3).nodes


@BOTH
def test_an_opted_out_user_teaches_nothing_until_back(config: LearningConfig):
    out, back = (policy.Lesson(kind=kind, at_ms=0, user_id="ada") for kind in ("opt_out", "opt_in"))
    late = a_lesson(a_document((0.9, 0.1, 0.1), 3.0), kind="late")
    state = fold([out, click(), late, click(context=BOB, user="bob")], config)
    assert state.opted_out == {"ada"}
    assert ADA.personal not in state.nodes
    assert state.nodes["global"].n == 1
    assert ADA.personal in policy.fold_all(state, [back, click()], config, SEARCHES).nodes
    serve = msgspec.structs.replace(config, opt_out_scope="serve")
    assert ADA.personal in fold([out, click()], serve).nodes


@BOTH
def test_learn_from_served_skips_static_traffic(config: LearningConfig):
    served = msgspec.structs.replace(config, learn_from="served")
    assert fold([click(variant="static")], served).nodes == {}
    assert fold([click(variant="learned")], served).nodes
    assert fold([click(variant="static")], config).nodes


@BOTH
def test_lessons_of_another_number_of_searches_teach_nothing(config: LearningConfig):
    nodes = fold([click()] * 6, config).nodes
    assert policy.update(nodes, click(), config, 2) == {}
    assert teaching.choose(nodes, ADA, config, 2, NOW, np.random.default_rng(1)).values[0] > 0


@BOTH
def test_nodes_of_the_other_algorithm_are_as_good_as_none(config: LearningConfig):
    other = LOGISTIC if config is BETA else BETA
    nodes = fold([click()] * 6, config).nodes
    assert choose(nodes, ADA, other).level == "prior"
    assert policy.update(nodes, click(), other, SEARCHES)["global"].n == 1


@BOTH
def test_a_session_speaks_from_its_first_interaction_and_falls_silent(config: LearningConfig):
    nodes = fold([click(context=BOB, user="bob")] * 8, config).nodes
    anonymous = Context(session="session:1", demographic="demographic:eu")
    act = a_lesson(a_document((0.0, 0.0, 1.0), 5.0), kind="late", day=100)
    session = policy.adapt(None, nodes, anonymous, act, config, SEARCHES)
    for _ in range(10):
        session = policy.adapt(session, nodes, anonymous, act, config, SEARCHES)
    assert session is not None
    assert session.n == 11

    def third(now_ms: int, context: Context = anonymous) -> float:
        found = policy.ready(nodes, context, config, SEARCHES, now_ms, session)
        return float(policy.draw_many(found, np.random.default_rng(2), 400)[:, 2].mean())

    rng = np.random.default_rng(2)
    without = teaching.draws(nodes, anonymous, config, SEARCHES, NOW, rng, 400)[:, 2].mean()
    assert third(NOW) > without + 0.02
    assert third(NOW + 61 * 60_000) == pytest.approx(without)
    assert policy.ready({}, anonymous, config, SEARCHES, NOW, session).standing.level == "personal"


@BOTH
def test_a_closing_adds_only_ignored_documents_to_a_session(config: LearningConfig):
    session = policy.adapt(None, {}, ADA, click(), config, SEARCHES)
    assert session is not None
    assert session.n == 0
    found = policy.ready({}, ADA, config, SEARCHES, 0, session)
    assert found.standing.level == "prior"


def test_a_row_of_the_log_is_a_lesson():
    lesson = click()
    row = log.Lesson(
        namespace="n", occurred_at="1970-01-02 00:00:00.000", received_at="", retriever_id="r",
        generation=1, kind="close", context_keys=lesson.context_keys,
        payload=msgspec.json.encode(lesson.taught).decode(),
    )  # fmt: skip
    read = policy.lesson_of(row)
    assert read.taught == lesson.taught
    assert (read.at_ms, read.user_id, read.context_keys) == (DAY, "ada", ADA.keys)


def test_a_new_user_hears_what_the_shared_levels_learn_later():
    """Deviations are added, never copied: the personal node of ada does not age."""
    taught = fold([click()], LOGISTIC)
    later = policy.fold_all(taught, [click(context=BOB, user="bob")] * 60, LOGISTIC, SEARCHES)
    one, other = (policy.mean(policy.ready(s.nodes, ADA, LOGISTIC, 3, 0)) for s in (taught, later))
    assert later.nodes[ADA.personal] == taught.nodes[ADA.personal]
    assert other.values[0] > one.values[0] + 0.05


def test_drift_keeps_precision_bounded_and_gamma_one_does_not():
    lessons = [click()] * 600
    forgetful = msgspec.structs.replace(LOGISTIC, gamma=0.9)
    faithful = msgspec.structs.replace(LOGISTIC, gamma=1.0)
    trace = [
        float(logistic.levels_of(["global"], [fold(lessons, c).nodes["global"]], c, 3)
              .precision[0].trace())
        for c in (forgetful, faithful)
    ]  # fmt: skip
    assert trace[0] < trace[1] / 2


def test_levels_drawn_as_one_have_the_covariances_of_all_of_them():
    """Every level drawn on its own, `m + s L z`, and added (`learning.md` 4.2), and ours."""
    nodes, keys = fold(some_lessons(80), LOGISTIC).nodes, ADA.keys
    mean, spread = logistic.slopes_of(keys, [nodes[key] for key in keys], LOGISTIC, SEARCHES)
    rng, literal, covariance = np.random.default_rng(4), np.zeros((40_000, 4)), np.zeros((4, 4))
    for key in keys:
        precision = np.frombuffer(nodes[key].precision).reshape(4, 4)
        scale = logistic.DRAW_SCALE * beta.bonus(nodes[key].n, LOGISTIC) ** 0.5
        covariance += scale**2 * np.linalg.inv(precision)
        root = scale * np.linalg.cholesky(np.linalg.inv(precision))
        literal += np.frombuffer(nodes[key].mean) + rng.standard_normal((40_000, 4)) @ root.T
    np.testing.assert_allclose(spread @ spread.T, covariance[1:, 1:], rtol=0, atol=1e-12)
    np.testing.assert_allclose(literal.mean(axis=0)[1:], mean, atol=0.02)
    np.testing.assert_allclose(np.cov(literal.T)[1:, 1:], spread @ spread.T, atol=0.01)


def test_exploration_that_has_decayed_to_nothing_draws_the_mean():
    config = msgspec.structs.replace(LOGISTIC, exploration_floor=0.0, exploration_decay=0.9)
    nodes = {
        key: msgspec.structs.replace(node, n=50_000)
        for key, node in fold(some_lessons(30), config).nodes.items()
    }
    found = policy.ready(nodes, ADA, config, SEARCHES, NOW)
    drawn = policy.draw_many(found, np.random.default_rng(1), 5)
    np.testing.assert_allclose(drawn, [policy.mean(found).values] * 5, atol=1e-12)


@BOTH
@pytest.mark.parametrize("searches", [1, 3])
def test_a_seed_gives_one_draw_and_the_weight_of_one_search_is_one(
    config: LearningConfig, searches: int
):
    documents = a_document((0.9, 0.1, 0.1)[:searches], 1.0), a_document((0.1,) * searches)
    nodes = policy.fold_all(policy.State(), [a_lesson(*documents)], config, searches).nodes
    found = policy.ready(nodes, ADA, config, searches, NOW)
    weights, others = policy.draw_with_others(found, 2**64 - 1, 64)
    again, _ = policy.draw_with_others(found, 2**64 - 1, 64)
    assert weights == again
    assert others.shape == (64, searches)
    assert weights.interactions == found.standing.n == 1
    if searches == 1:  # as the draws would be, had there been any
        drawn = policy.draw_many(found, np.random.default_rng(1), 65)
        assert weights.values == (1.0,)
        assert (np.vstack([drawn, others]) == 1.0).all()


@BOTH
def test_logged_propensities_are_the_frequencies_of_draws(config: LearningConfig):
    """P(document at its rank) from a batch of draws against how often it happens afterwards."""
    nodes = fold(some_lessons(60), config).nodes
    norm = np.random.default_rng(8).random((12, SEARCHES))
    shown = np.argsort(-norm.mean(axis=1))[:5]
    found = policy.ready(nodes, ADA, config, SEARCHES, NOW)
    estimate = rank_propensities(
        norm, policy.draw_many(found, np.random.default_rng(1), 4000), shown
    )
    rng, hits, rounds = np.random.default_rng(2), np.zeros(5), 1500
    for _ in range(rounds):
        order = np.argsort(-(norm @ np.array(policy.draw(found, rng).values)))[:5]
        hits += order == shown
    sigma = np.sqrt(estimate * (1 - estimate) * (1 / rounds + 1 / 4000)) + 1e-3
    assert (np.abs(hits / rounds - estimate) <= 4 * sigma).all()
