"""What a closed execution teaches, and what a late reward does."""

from __future__ import annotations

from desireline.core.closing import close, late
from desireline.ports import RecentExecution, Shown
from desireline.types.learning import LearningConfig


def an_execution(*rewards: list[tuple[str, float]], first: int = 0) -> RecentExecution:
    shown = [
        Shown(f"d{place}", place, 1.0, (0.5, 0.2), (0.25, 0.1), "a", rewards=list(each))
        for place, each in enumerate(rewards, start=first)
    ]
    return RecentExecution(
        execution_id="e", namespace="n", retriever_id="r", at_ms=0, closes_at_ms=0, query_key="q",
        user_id="u", session_id="s", context_keys=("global",), searches=("a", "b"),
        variant="learned", shown=shown,
    )  # fmt: skip


def test_the_list_is_not_cut_at_the_last_click():
    taught = close(an_execution([], [("i", 1.0)], [], []), LearningConfig())
    assert [d.rewards for d in taught.documents] == [(), (("i", 1.0),), (), ()]
    assert [d.theta for d in taught.documents] == [1, 1 / 2, 1 / 3, 1 / 4]
    assert (taught.user_id, taught.session_id, taught.variant) == ("u", "s", "learned")


def test_below_the_examined_depth_only_engaged_documents_teach():
    execution = an_execution([], [], [], [("i", -0.5)], [])
    taught = close(execution, LearningConfig(examined_depth=2))
    assert [d.document_id for d in taught.documents] == ["d0", "d1", "d3"]


def test_the_depth_counts_on_the_served_page_and_theta_by_absolute_position():
    taught = close(an_execution([], [], first=10), LearningConfig(examined_depth=1))
    assert [(d.position, d.theta) for d in taught.documents] == [(10, 1 / 11)]


def test_given_examination_is_used_and_the_prior_beyond_it():
    taught = close(an_execution([], [], []), LearningConfig(), [0.9, 0.7])
    assert [d.theta for d in taught.documents] == [0.9, 0.7, 1 / 3]


def test_several_rewards_stay_apart_and_nothing_is_no_engagement():
    execution = an_execution([("i", 1.0), ("j", -0.5)], [("k", 0.0)])
    taught = close(execution, LearningConfig())
    assert [d.rewards for d in taught.documents] == [(("i", 1.0), ("j", -0.5)), ()]


def test_a_late_reward_is_one_document_with_one_reward():
    taught = late(an_execution([], [("i", 1.0)]), "d1", "j", 3.0, 0.4)
    assert [(d.document_id, d.rewards, d.theta) for d in taught.documents] == [
        ("d1", (("j", 3.0),), 0.4)
    ]
    assert late(an_execution([]), "unseen", "j", 3.0).documents == ()
    assert late(an_execution([]), "d0", "j", 0.0).documents == ()


def test_a_reward_with_a_claim_is_credited_to_the_search_that_was_named():
    execution = an_execution([("i", 1.0), ("j", 2.0), ("k", 1.0)], [])
    execution.shown[0].claims.update({"j": "b", "k": "gone"})
    taught = close(execution, LearningConfig())
    assert [(d.rewards, d.contributions) for d in taught.documents] == [
        ((("i", 1.0),), (0.25, 0.1)),
        ((("j", 2.0),), (0.0, 1.0)),
        ((("k", 1.0),), (0.25, 0.1)),
        ((), (0.25, 0.1)),
    ]
    (alone,) = late(execution, "d0", "j", 3.0).documents
    assert alone.contributions == (0.0, 1.0)
