"""Seeds keep their parts apart; contexts exist only where a value does."""

import hashlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from desireline.core import contexts, seeds
from desireline.types.learning import LearningConfig

names = st.text(max_size=8)


@given(st.lists(names, max_size=4), st.lists(names, max_size=4))
def test_seeds_are_equal_only_for_equal_parts(one, other):
    assert (seeds.seed_of(*one) == seeds.seed_of(*other)) == (one == other)


@given(st.integers(0, 2**64 - 1))
def test_a_seed_gives_one_stream(seed):
    assert seeds.generator(seed).random(3).tolist() == seeds.generator(seed).random(3).tolist()


def test_a_seed_is_the_same_on_every_machine():
    assert seeds.seed_of("ret", "session") == 16417163716383446216
    assert seeds.generator(1).integers(1000, size=4).tolist() == [473, 511, 755, 950]


@given(st.integers(0, 2**64 - 1))
def test_a_seed_gives_one_light_stream(seed):
    one, again = seeds.light_generator(seed), seeds.light_generator(seed)
    assert one.random(3).tolist() == again.random(3).tolist()


def test_the_light_stream_is_the_same_on_every_machine_and_as_random():
    assert seeds.light_generator(1).integers(1000, size=4).tolist() == [582, 953, 907, 77]
    drawn = np.array([seeds.light_generator(seed).random(2) for seed in range(4000)])
    assert np.abs(drawn.mean(axis=0) - 0.5).max() < 4 * (1 / 12 / 4000) ** 0.5
    # Neighbouring seeds, and a stream's own numbers, have nothing to do with each other.
    others = [drawn[:-1, 0], drawn[:-1, 1], drawn[1:, 1]]
    assert np.abs(np.corrcoef([drawn[1:, 0], *others])[0, 1:]).max() < 4 / 4000**0.5


@given(st.integers(0, 2**64 - 1), st.integers(1, 24))
def test_a_seed_gives_one_window_of_normals(seed, searches):
    drawn = seeds.normals(seed, (searches, 65))
    assert drawn.shape == (searches, 65)
    assert (drawn == seeds.normals(seed, (searches, 65))).all()
    assert not drawn.flags.writeable


def test_windows_of_normals_are_the_same_on_every_machine_and_normal():
    assert seeds.normals(1, (1, 2)).round(6).tolist() == [[-0.179634, -1.436539]]
    drawn = np.array([seeds.normals(seeds.seed_of(str(n)), (3, 65)) for n in range(4000)])
    served, others = drawn[:, :, 0], drawn[:, :, 1:]
    for each in (served, others[:, :, 0], others[:, :, 63]):
        below = (each[:, :, None] < [-1.6449, -0.6745, 0.0, 0.6745, 1.6449]).mean(axis=(0, 1))
        assert np.abs(below - [0.05, 0.25, 0.5, 0.75, 0.95]).max() < 4 * (0.25 / 12_000) ** 0.5
    # What is served, for one search or another, and what else could have been: no relation.
    columns = [*served.T, *others[:, :, 0].T, others[:, :, 1:].mean(axis=(1, 2))]
    apart = np.corrcoef(columns) - np.eye(len(columns))
    assert np.abs(apart).max() < 4 / 4000**0.5


def test_the_personal_key_is_sha1_over_the_json_of_the_values():
    digest = hashlib.sha1(b'["u1"]', usedforsecurity=False).hexdigest()[:16]
    assert contexts.context_of(LearningConfig(), {"user_id": "u1"}).personal == f"personal:{digest}"


def test_inputs_win_over_the_arguments():
    by_input = contexts.context_of(LearningConfig(), {"user_id": "a"}, user_id="b")
    assert by_input == contexts.context_of(LearningConfig(), {}, user_id="a")


def test_segment_is_an_alias_of_user_segment():
    config = LearningConfig(demographic_features=("INPUT.user_segment",))
    keys = {
        contexts.context_of(config, {"segment": "x"}).demographic,
        contexts.context_of(config, {"user_segment": "x"}).demographic,
        contexts.context_of(config, {}, segment="x").demographic,
        contexts.context_of(
            LearningConfig(demographic_features=("inputs.segment",)), {}, segment="x"
        ).demographic,
    }
    assert len(keys) == 1
    assert keys.pop().startswith("demographic:")


def test_a_level_without_values_does_not_exist():
    config = LearningConfig(demographic_features=("INPUT.country", "INPUT.device_type"))
    found = contexts.context_of(config, {"country": None, "other": 1})
    assert found.keys == ("global",)
    assert found.session == ""
    half = contexts.context_of(config, {"country": "at"})
    assert half.demographic
    assert half.demographic != contexts.context_of(config, {"device_type": "at"}).demographic


def test_without_features_or_with_the_global_strategy_only_global_is_left():
    assert contexts.context_of(LearningConfig(context_features=()), {}, "u").keys == ("global",)
    config = LearningConfig(fallback_strategy="global", demographic_features=("INPUT.x",))
    found = contexts.context_of(config, {"x": 1}, "u", "s")
    assert found.keys == ("global",)
    assert found.session


def test_numbers_count_as_their_text_and_dots_go_deeper():
    config = LearningConfig(context_features=("INPUT.user.id",))
    seven = {contexts.context_of(config, {"user": {"id": v}}).personal for v in (7, 7.0, "7")}
    assert len(seven) == 1
    assert contexts.context_of(config, {"user": "x"}).personal == ""


def test_the_subject_is_the_session_else_the_user_else_the_execution():
    assert contexts.subject_of("s", "u", "e") == "s"
    assert contexts.subject_of("", "u", "e") == "u"
    assert contexts.subject_of("", "", "e") == "e"
