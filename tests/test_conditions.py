"""The language of conditions: what it reads, what it refuses, and its three values."""

import datetime as dt
import itertools
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from siting.catalogue import FactError
from siting.rules import conditions
from siting.rules.conditions import ConditionError, evaluate, names, parse, undecided
from siting.rules.rulebook import Dictionary

SETS = {"eea": frozenset({"DE", "FR", "NO"})}


def value(text, **values):
    return evaluate(parse(text), {**SETS, **values})


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("external", {"external": True}, True),
        ("not external", {"external": True}, False),
        ("days > limit", {"days": 31.0, "limit": 30.0}, True),
        ("days > limit", {"days": 30.0, "limit": 30.0}, False),
        ("place in eea", {"place": "NO"}, True),
        ("place not in eea", {"place": "NO"}, False),
        ("place in {'US', 'CN'}", {"place": "CN"}, True),
        ("as_of >= 2027-12-02", {"as_of": dt.date(2027, 12, 2)}, True),
        ("as_of >= 2027-12-02", {"as_of": dt.date(2027, 12, 1)}, False),
        ("a or b and c", {"a": True, "b": False, "c": False}, True),  # and binds closer
        ("(a or b) and c", {"a": True, "b": False, "c": False}, False),
        ("not a or b", {"a": True, "b": True}, True),  # not binds closest
        ("plan == 'none'", {"plan": "none"}, True),
        ("yes", {}, True),
        ("  ", {}, False),
    ],
)
def test_a_condition_means_what_it_says(text, values, expected):
    assert value(text, **values) is expected


# Truth tables of strong Kleene logic, with None for unknown.
@pytest.mark.parametrize(
    ("a", "b", "both", "either"),
    [
        (True, None, None, True),
        (False, None, False, None),
        (None, True, None, True),
        (None, False, False, None),
        (None, None, None, None),
    ],
)
def test_unknown_follows_kleene(a, b, both, either):
    assert value("a and b", a=a, b=b) is both
    assert value("a or b", a=a, b=b) is either
    assert value("not a", a=None) is None


def test_only_the_unknowns_that_matter_are_asked_for():
    text = parse("a and b or c")
    assert undecided(text, {"a": False}) == {"c"}  # b cannot matter any more
    assert undecided(text, {"a": True}) == {"b", "c"}
    assert undecided(text, {"a": True, "b": True}) == set()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a ==", "invalid syntax; a condition is made of names"),
        ("(a or b", r"'\(a or b': '\(' was never closed"),
        ("place in 3", "'3': after in comes a list such as"),
        ("'place' in {'US'}", "an attribute or a constant is expected here"),
        ("'none'", "a constant alone is no condition"),
        ("as_of > 2027-13-01", "is no date of the calendar"),
        ("__import__('os')", r"__import__.*an attribute or a constant is expected here"),
        ("a < b < c", "an attribute or a constant is expected here"),
        ("a # b", "a sign stands here that no condition has"),
        ("а", "a sign stands here that no condition has"),  # a Cyrillic a
        ("a == 1" + "0" * 400, "too large"),
        ("not " * 400 + "a", "levels; split the rule"),
        ("(" * 500 + "a" + ")" * 500, "too many nested parentheses"),
        ("a or " * 500 + "a", "characters; split the rule"),
    ],
)
def test_a_wrong_condition_is_refused_with_place_and_remedy(text, message):
    with pytest.raises(ConditionError, match=message):
        parse(text)


def attribute(kind, words=()):
    return SimpleNamespace(stated_in="", type=kind, words=words)


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("a > 'x'", "word", "a >: only numbers and dates have an order"),
        ("a > 3", "word", "a is a word, 3.0 is not"),
        ("a == yes", "number", "a is a number, True is not"),
        ("'x' == a", "number", "'x' is a word, a is not"),
        ("a == 'x'", "word", "'x' is no value of a; known: y, z"),
        ("a in {'x'}", "word", "'x' is no value of a; known: y, z"),
        ("a in nowhere", "word", "'nowhere' is no group of countries; known: eea"),
        ("a in eea", "number", "a is neither word nor country"),
        ("b", "word", "'b' is no attribute"),
        ("yes or a", "word", "a is not yes or no; compare it with a value"),
    ],
)
def test_values_that_cannot_be_compared_are_refused(text, kind, message):
    known = {"a": attribute(kind, ("y", "z") if kind == "word" else ())}
    with pytest.raises(FactError, match="^" + message):
        Dictionary(attributes=known, groups=SETS, derived={}).read(text)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab_ ()'{}<>=!,andortin0123456789-.e\n\t\\", max_size=60))
def test_any_text_is_read_or_refused_and_nothing_else(text):
    try:
        known = {name: attribute("yes/no") for name in "ab"}
        condition = Dictionary(attributes=known, groups=(), derived={}).read(text)
        evaluate(condition, {})
    except (ConditionError, FactError):
        return
    assert names(condition) <= set(conditions.names(condition))


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=40))
def test_no_sign_of_any_alphabet_breaks_the_reader(text):
    try:
        parse(text)
    except ConditionError as error:
        assert "; " in str(error)


ATTRIBUTES = ("a", "b", "c")
LEAVES = st.sampled_from(ATTRIBUTES).map(conditions.Name)
TREES = st.recursive(
    LEAVES,
    lambda parts: st.one_of(
        st.builds(conditions.Operation, st.just("not"), st.tuples(parts)),
        st.builds(conditions.Operation, st.sampled_from(["and", "or"]), st.tuples(parts, parts)),
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(TREES, st.fixed_dictionaries({a: st.sampled_from([True, False, None]) for a in ATTRIBUTES}))
def test_a_known_answer_holds_whatever_the_unknowns_turn_out_to_be(tree, values):
    answer = evaluate(tree, values)
    unknown = [a for a in ATTRIBUTES if values[a] is None]
    completions = [
        evaluate(tree, {**values, **dict(zip(unknown, chosen, strict=True))})
        for chosen in itertools.product([True, False], repeat=len(unknown))
    ]
    assert None not in completions
    if answer is not None:
        assert set(completions) == {answer}
    assert undecided(tree, values) <= set(unknown)
