from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepgym.envs.multi_hop import Fact, World, world_of
from stepgym.envs.multi_hop.relations import RELATIONS, relations_asked
from stepgym.envs.tools import FullTextIndex
from stepgym.errors import InvalidInputError

WORLDS = [(0, 60), (1, 12), (7, 200)]


def test_a_world_is_the_same_for_the_same_seed_and_size():
    one, same, other = World(3, 30), World(3, 30), World(4, 30)
    assert list(one.facts()) == list(same.facts())
    assert one.names == same.names
    assert list(one.facts()) != list(other.facts())
    assert world_of(3, 30) is world_of(3, 30)


def test_a_world_stays_as_it_is():
    world = World(0, 60)
    facts = [(fact.subject, fact.relation.key, fact.object) for fact in world.facts()]
    assert len(facts) == 418
    assert facts[:3] == [
        ("Eldland", "capital", "Quinstead"),
        ("Eldland", "president", "Hanna Fenmond"),
        ("Eldland", "currency", "helek"),
    ]
    assert world.object_of("Ilse Grendoro", "birthplace") == "Kesford"


@pytest.mark.parametrize(("seed", "size"), WORLDS)
def test_every_relation_has_exactly_one_object_of_the_right_kind(seed, size):
    world = World(seed, size)
    facts = list(world.facts())
    assert len({(fact.subject, fact.relation.key) for fact in facts}) == len(facts)
    expected = sum(len(world.names[relation.subject]) for relation in RELATIONS.values())
    assert len(facts) == expected
    for fact in facts:
        assert world.kind(fact.subject) == fact.relation.subject
        assert world.kind(fact.object) == fact.relation.object
        assert fact.subject != fact.object


@pytest.mark.parametrize(("seed", "size"), WORLDS)
def test_a_capital_lies_in_its_country(seed, size):
    world = World(seed, size)
    for country in world.names["country"]:
        assert world.object_of(world.object_of(country, "capital"), "country") == country


@pytest.mark.parametrize(("seed", "size"), [*WORLDS, (2, 600)])
def test_names_are_unique_and_alike(seed, size):
    world = World(seed, size)
    names = [name.lower() for found in world.names.values() for name in found]
    assert len(set(names)) == len(names)
    people = world.names["person"]
    assert len(people) == size
    assert len({name.split()[1] for name in people}) < len(people)


@pytest.mark.parametrize("passages", ["facts", "articles"])
@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_documents_can_be_read_back(passages, noise):
    world = World(1, 30)
    facts = list(world.facts())
    documents = world.documents(passages=passages, noise=noise)
    read = [fact for document in documents for fact in world.read(document.text)]
    assert [(fact.subject, fact.relation) for fact in read] == [(fact.subject, fact.relation) for fact in facts]
    wrong = sum(one != other for one, other in zip(read, facts, strict=True))
    assert wrong == 0 if noise == 0 else 0.4 < wrong / len(documents) < 0.6
    assert all(world.kind(fact.object) == fact.relation.object and fact.object != fact.subject for fact in read)


def test_more_noise_spoils_more_documents_and_keeps_the_spoiled_ones():
    world = World(0, 60)
    clean = world.documents()
    spoiled = []
    for noise in (0.1, 0.3, 1.0):
        documents = world.documents(noise=noise)
        spoiled.append({i: new for i, (old, new) in enumerate(zip(clean, documents, strict=True)) if old != new})
        assert len(spoiled[-1]) / len(clean) == pytest.approx(noise, abs=0.06)
    assert spoiled[0].items() <= spoiled[1].items() <= spoiled[2].items()
    assert len(spoiled[2]) == len(clean)


@pytest.mark.parametrize(("seed", "size"), WORLDS)
def test_the_plain_query_finds_its_fact_first(seed, size):
    world = World(seed, size)
    documents = world.documents()
    index = FullTextIndex(documents)
    for fact, document in list(zip(world.facts(), documents, strict=True))[:: max(1, size // 12)]:
        assert index.search(f"{fact.relation.noun} of {fact.subject}", 1) == [document]


@settings(max_examples=40)
@given(st.sampled_from(sorted(RELATIONS)), st.integers(0, 1))
def test_a_sentence_states_its_own_relation_alone(key, form):
    world = world_of(0, 60)
    relation = RELATIONS[key]
    subject = world.names[relation.subject][0]
    object = next(name for name in world.names[relation.object] if name != subject)
    sentence = relation.stated(world.spoken(subject), world.spoken(object), form)
    assert relation.noun in sentence
    assert world.read(sentence) == [Fact(subject, relation, object)]


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("birthplace of x", {"birthplace"}),
        ("where was x born", {"birthplace"}),
        ("in which year: born in which year x", {"birth-year"}),
        ("founding year of the x", {"founding-year"}),
        ("founder and country", {"founder", "country"}),
        ("capital city of x", {"capital"}),
        ("home city of x", {"home-city"}),
        ("x", set()),
        ("", set()),
    ],
)
def test_what_a_query_asks_for(query, asked):
    assert relations_asked(query.replace(":", "").split()) == asked


@pytest.mark.parametrize("arguments", [(-1, 60), (0, 11), (0, 601), (0.0, 60), (True, 60), (0, "60")])
def test_a_world_out_of_bounds(arguments):
    with pytest.raises(InvalidInputError, match="of a world must be"):
        World(*arguments)


@pytest.mark.parametrize(
    "options", [{"noise": -0.1}, {"noise": 1.5}, {"noise": "0"}, {"noise": True}, {"passages": "books"}]
)
def test_documents_with_options_that_mean_nothing(options):
    with pytest.raises(InvalidInputError, match="must be"):
        World(0, 12).documents(**options)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The birthplace of Nobody is Nowhere.",
        "The birthplace of Ilse Grendoro is helek.",
        "the " * 100_000,
        "a. " * 100_000,
    ],
)
def test_texts_that_state_nothing_of_this_world(text):
    assert world_of(0, 60).read(text) == []
