"""The five-minute tutorial: every command runs, and what it says of their answers is true."""

from __future__ import annotations

import pytest

from tests.e2e.tutorials import blocks, run, shape, values

PAGE = "first-loop.md"
LENGTH = "desireline://length@v1"


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return run(PAGE, tmp_path_factory.mktemp("first-loop"), timeout_s=170)


@pytest.fixture(scope="module")
def shown() -> list[str]:
    return blocks(PAGE, "text")


@pytest.mark.timeout(200)
def test_about_a_thousand_documents_are_imported_and_three_searches_made(said, shown):
    assert shape(said[0].splitlines()[-1]) == shape(shown[0].strip())
    assert int(said[0].split()[0]) > 700
    (made,) = values(said[1])
    assert len(made["stages"][0]["config"]["parameters"]["searches"]) == 3


@pytest.mark.timeout(200)
def test_unlearned_the_long_descriptions_stand_where_the_page_shows_them(said, shown):
    for line, printed in zip(said[2].splitlines(), shown[1].splitlines(), strict=True):
        assert sorted(line.split()) == sorted(printed.split())  # two neighbours may be swapped


@pytest.mark.timeout(200)
def test_clicks_bring_up_what_is_clicked_and_drop_what_is_only_long(said, shown):
    visits = [line.split() for line in said[3].splitlines()]
    assert len(visits) == len(shown[2].splitlines()) == 6
    assert sorted(visits[0]) == sorted(shown[2].splitlines()[0].split())
    assert any(each[0] == "time.sleep" for each in visits[1:]), visits
    assert "time.sleep" not in visits[0][:2]
    asked, answer = said[4].split("\n", 1)
    assert not any("variance" in name for name in asked.split())
    (learned,) = values(answer)
    assert learned["mean_weights"][LENGTH] < 0.3
    assert learned["interaction_count"] > 0


@pytest.mark.timeout(200)
def test_the_simulation_ends_with_the_sentence_of_the_page(said, shown):
    (sentence,) = [line for line in said[5].splitlines() if line.startswith("After ")]
    assert shape(sentence) == shape(shown[3].strip())
    assert "NDCG@10 after 0 searches" in said[5]


@pytest.mark.timeout(200)
def test_who_is_forgotten_has_everybodys_weights(said):
    receipt, weights = values(said[6])
    assert receipt["deleted"] == 6
    assert weights["interaction_count"] == 0
    assert weights["personal_weights"] == {}
    assert weights["resolved_level"] != "personal"
