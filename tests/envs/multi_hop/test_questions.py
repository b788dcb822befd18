from __future__ import annotations

from collections import Counter

import pytest

from stepgym.envs.multi_hop import multi_hop_task, question_from_id, world_of
from stepgym.envs.multi_hop.relations import RELATIONS
from stepgym.errors import InvalidInputError, UnknownNameError


def test_questions_stay_as_they_are():
    first = multi_hop_task(0)
    assert first.id == "multihop/0-60/ilse-grendoro/birthplace.country.capital"
    assert first.prompt == "What is the capital of the country of the birthplace of Ilse Grendoro?"
    assert (first.reference, first.meta["hops"]) == ("Eldford", 3)
    assert first.meta["chain"] == ["Ilse Grendoro", "Kesford", "Norstan", "Eldford"]
    assert (
        multi_hop_task(1, world_seed=5, size=600).id == "multihop/5-600/ebony-casket/owner.home-city.country.currency"
    )


@pytest.mark.parametrize("size", [12, 60, 300])
def test_the_chain_follows_the_relations_and_passes_nothing_twice(size):
    world = world_of(2, size)
    hops = Counter()
    for seed in range(150):
        task = multi_hop_task(seed, world_seed=2, size=size)
        question = question_from_id(task.id)
        assert question.task() == task
        chain = question.chain
        for name, relation, following in zip(chain[:-1], question.relations, chain[1:], strict=True):
            assert world.object_of(name, relation.key) == following
        assert len(set(chain)) == len(chain)
        assert task.reference == chain[-1]
        assert task.prompt.startswith("Who" if world.kind(chain[-1]) == "person" else "What")
        # The answer is not given away.
        assert chain[-1].lower() not in task.prompt.lower().split()
        hops[task.meta["hops"]] += 1
    assert set(hops) == {2, 3, 4}
    assert min(hops.values()) > 30


@pytest.mark.parametrize(("hops", "lengths"), [(2, {2}), ((3, 4), {3, 4}), ([4, 4], {4})])
def test_hops_are_chosen(hops, lengths):
    assert {multi_hop_task(seed, hops=hops).meta["hops"] for seed in range(40)} == lengths


@pytest.mark.parametrize("hops", [1, 5, (4, 2), (2, 3, 4), (), (2.0, 3), "23", True])
def test_hops_out_of_bounds(hops):
    with pytest.raises(InvalidInputError, match="hops must be"):
        multi_hop_task(0, hops=hops)


@pytest.mark.parametrize(
    "task_id",
    [
        "",
        "multihop/0-60/nobody/birthplace.country",
        "multihop/0-60/ilse-grendoro/birthplace",
        "multihop/0-60/ilse-grendoro/capital.country",
        "multihop/0-60/ilse-grendoro/birthplace.nothing",
        "multihop/0-60/ilse-grendoro/birthplace..country",
        "multihop/0-60/ilse-grendoro/birthplace.country.capital.country.capital",
        "multihop/0-60/eldland/capital.country",  # comes back
        "multihop/0-60/ilse-grendoro/birth-year.country",
        "multihop/0-5/ilse-grendoro/birthplace.country",
        "multihop/00-60/ilse-grendoro/birthplace.country",
        "x" * 100_000,
    ],
)
def test_ids_that_spell_no_question(task_id):
    with pytest.raises(UnknownNameError, match="Ids look like 'multihop/0-60/"):
        question_from_id(task_id)


def test_every_relation_is_asked_for():
    asked = Counter(r.key for seed in range(400) for r in question_from_id(multi_hop_task(seed).id).relations)
    assert set(asked) == set(RELATIONS)
