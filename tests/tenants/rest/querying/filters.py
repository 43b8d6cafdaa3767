"""Generated filters, in the syntax that clients use."""

from typing import Any

from hypothesis import strategies as st

from tests.tenants.rest.querying import items

PATTERNS = (
    "a",
    "^a",
    "b$",
    "^.$",
    "A|é",
    "[^a]",
    r"^\d",
    r"\bb\b",
    "^$",
    r"\.onnx$",
    "x{0,2}y",
    "(?i)É",
    r"[[:alpha:]]\s?",
)
TEXTS = {
    "name": items.NAMES,
    "status": ("training", "test", "nothing"),
    "tags": items.TAGS,
    "metadata.name": items.KEYS,
    "versions.ordinal": items.ORDINALS,
    "versions.original": items.FILES,
}
METADATA = tuple(f"metadata.{key}" for key in (*items.KEYS, "missing"))
ORDERS = ("$gt", "$gte", "$lt", "$lte")


def _operators(values: st.SearchStrategy[Any], *more: tuple[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """Generate a value, or an object of one to three operators on such values."""
    some = st.lists(values, max_size=3)
    choices = [(name, values) for name in ("$eq", "$ne", *ORDERS)] + [(name, some) for name in ("$in", "$nin", "$all")]
    single = st.one_of([st.tuples(st.just(name), operand) for name, operand in (*choices, *more)])
    objects = st.lists(single, min_size=1, max_size=3).map(dict)
    negated = objects.map(lambda operators: {"$not": operators})
    return st.one_of(values, objects, negated)


REGEX = ("$regex", st.sampled_from(PATTERNS))
EXISTS = ("$exists", st.booleans())
DATES = st.sampled_from(
    ("2024-02-29", "2024-02-29T12:00:00Z", "2024-02-29T13:00:00.001+01:00", "2024-02-29T12:00:00.0005Z", "2024-03-01")
)
NUMBERS = st.sampled_from((*items.SIZES, 0.5, 2.5, -1, 1e300, 2**63 - 1))
VALUES = st.sampled_from(items.VALUES)


def _text(name: str) -> st.SearchStrategy[dict[str, Any]]:
    values = st.sampled_from(TEXTS[name])
    return st.builds(lambda operators: {name: operators}, _operators(values, REGEX))


def _element() -> st.SearchStrategy[dict[str, Any]]:
    name = st.builds(lambda part: {"name": part["metadata.name"]}, _text("metadata.name"))
    value = st.builds(lambda operators: {"value": operators}, _operators(VALUES, REGEX))
    leaf = st.one_of(name, value, st.builds(lambda one, two: one | two, name, value))
    return st.recursive(leaf, _connected, max_leaves=4)


def _connected(parts: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    some = st.lists(parts, min_size=1, max_size=3)
    return st.builds(lambda name, among: {name: among}, st.sampled_from(("$and", "$or", "$nor")), some)


SCALAR_ELEMENT = st.lists(
    st.one_of(
        [st.tuples(st.just(name), st.sampled_from(items.TAGS)) for name in ("$eq", "$ne", *ORDERS)]
        + [st.tuples(st.just("$regex"), st.sampled_from(PATTERNS[:6]))]
        + [st.tuples(st.just("$nin"), st.lists(st.sampled_from(items.TAGS), max_size=3))]
        + [st.tuples(st.just("$not"), st.builds(lambda tag: {"$gt": tag, "$lt": "b"}, st.sampled_from(items.TAGS)))]
    ),
    min_size=1,
    max_size=3,
).map(dict)
ROW = st.fixed_dictionaries(
    {"size": _operators(NUMBERS), "ordinal": _operators(st.sampled_from(items.ORDINALS), REGEX)}
)
CONDITIONS = st.one_of(
    st.sampled_from(sorted(TEXTS)).flatmap(_text),
    st.builds(lambda name, operators: {name: operators}, st.sampled_from(METADATA), _operators(VALUES, REGEX, EXISTS)),
    st.builds(lambda operators: {"metadata.value": operators}, _operators(VALUES, REGEX)),
    st.builds(lambda part: {"metadata": {"$elemMatch": part}}, _element()),
    st.builds(lambda part: {"tags": {"$elemMatch": part}}, SCALAR_ELEMENT),
    st.builds(lambda tags: {"tags": tags}, st.lists(st.sampled_from(items.TAGS), max_size=2)),
    st.builds(
        lambda name, size: {name: {"$size": size}}, st.sampled_from(("tags", "metadata", "users")), st.integers(0, 3)
    ),
    st.builds(lambda operators: {"timestamp": operators}, _operators(DATES)),
    st.builds(lambda operators: {"versions.size": operators}, _operators(NUMBERS, EXISTS)),
    st.builds(lambda part: {"versions": {"$elemMatch": part}}, ROW),
    st.sampled_from(({"status": None}, {"status": {"$in": [None, "test"]}}, {"status": {"$exists": False}}, {})),
    st.sampled_from(({"metadata.acc": None}, {"versions": {"$not": {"$elemMatch": {}}}}, {"metadata.value": None})),
)
FILTERS = st.recursive(CONDITIONS, _connected, max_leaves=5)

# Filters that MongoDB itself understands: no shorthands, rows or dates, and no patterns, because PCRE differs from RE2.
NATIVE = st.recursive(
    st.one_of(
        st.builds(lambda name, operators: {name: operators}, st.just("name"), _operators(st.sampled_from(items.NAMES))),
        st.builds(lambda operators: {"tags": operators}, _operators(st.sampled_from(items.TAGS))),
        st.builds(lambda operators: {"metadata.value": operators}, _operators(VALUES, EXISTS)),
        st.builds(lambda operators: {"metadata.name": operators}, _operators(st.sampled_from(items.KEYS), EXISTS)),
        st.builds(
            lambda name, value: {"metadata": {"$elemMatch": {"name": name, "value": value}}},
            st.sampled_from(items.KEYS),
            _operators(VALUES),
        ),
        st.builds(lambda tags: {"tags": tags}, st.lists(st.sampled_from(items.TAGS), max_size=2)),
        st.sampled_from(({"status": None}, {"status": {"$ne": None}}, {"tags": {"$size": 2}}, {"tags": {"$all": []}})),
    ),
    _connected,
    max_leaves=5,
)


# The largest filters that the parser allows: 100 conditions, 1,000 values in lists, 10 levels, numbers at the limits.
EDGES = st.sampled_from(
    (2**63 - 1, -(2**63), 2**53 + 1, 1e308, -1.7976931348623157e308, 5e-324, -0.0, 1e39, "", "\U0010ffff", "x" * 300)
)
NUMERIC_EDGES = EDGES.filter(lambda value: not isinstance(value, str))
TEN = st.lists(EDGES, min_size=10, max_size=10)
LARGE_CONDITIONS = st.one_of(
    st.builds(lambda name, values: {"metadata.value": {name: values}}, st.sampled_from(("$in", "$nin")), TEN),
    st.builds(lambda name, value: {"metadata.acc": {name: value}}, st.sampled_from(("$eq", "$ne", *ORDERS)), EDGES),
    st.builds(lambda name, value: {"versions.size": {name: value}}, st.sampled_from(ORDERS), NUMERIC_EDGES),
    st.builds(lambda values: {"tags": {"$in": [*map(str, values), "a"]}}, st.lists(EDGES, min_size=9, max_size=9)),
    st.builds(lambda value: {"metadata": {"$elemMatch": {"value": value}}}, EDGES),
    st.builds(lambda size: {"tags": {"$size": size}}, st.sampled_from((0, 2, 2**31, 2**63 - 1))),
    st.builds(lambda part: {"name": {"$regex": part * 200}}, st.sampled_from("a.")),
    st.builds(lambda part: {"tags": {"$regex": part * 66}}, st.sampled_from(("a?", "a|b"))),
)


def _large(parts: list[dict[str, Any]], names: list[str]) -> dict[str, Any]:
    """Return the conditions as one filter, up to ten levels deep."""
    for name in names[:-1]:
        parts = [{name: parts}]
    return {names[-1]: parts}


LONG_LISTS = st.builds(
    lambda path, name, values: {path: {name: values}},
    st.sampled_from(("tags", "name", "metadata.name", "versions.ordinal", "status")),
    st.sampled_from(("$in", "$nin")),
    st.integers(0, 12).map(lambda first: [str(number) for number in range(first, first + 1000)]),
)
LARGE = st.one_of(
    st.builds(
        _large,
        st.lists(LARGE_CONDITIONS, min_size=50, max_size=50).map(lambda parts: [*parts, *parts]),
        st.lists(st.sampled_from(("$and", "$or", "$nor")), min_size=1, max_size=8),
    ),
    LONG_LISTS,
)
