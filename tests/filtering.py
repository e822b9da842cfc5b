"""Products and filters over all six types, drawn at random: what the renderings of filters are asked for.

What is drawn first is the simplest, so that hypothesis, which may hold the dice, finds the smallest that fails.
"""

import math
import random
from datetime import datetime, timedelta, timezone
from typing import Any

from app.domain.products import AttributeType, AttributeValue, check_attributes

SCHEMA = {
    "colour": AttributeType.KEYWORD,
    "id": AttributeType.KEYWORD,  # named as a field of the collection
    "sizes": AttributeType.KEYWORDS,
    "vector": AttributeType.KEYWORDS,
    "price": AttributeType.NUMBER,
    "a-b c": AttributeType.NUMBER,
    "in_stock": AttributeType.BOOLEAN,
    "released": AttributeType.DATETIME,
    "care": AttributeType.TEXT,
    "never": AttributeType.KEYWORD,
}
HOSTILE = 'A" or catalog != "zzz'
TEXTS = [
    *(
        "red",
        "Red",
        " red",
        "re",
        "",
        "a_b",
        "a%",
        "%",
        "_",
        "axb",
        "'",
        '"',
        "\\",
        '\\"',
        "\\n",
        "new\nline",
        "\r\t",
    ),
    *("漢字", "🙂", "é", "e\u0301", "\x01", "\x7f", "\ud7ff", "\ue000", "\U0010ffff", "\u2028", "{}", "$.x", "null"),
    *("true", "1", HOSTILE, "' OR 1=1 --", ":name", "%(name)s", "red=1"),
]
SIGNS = "ab=\"'\\%_$.:;,(){}[]<>!&|-~*?#@/^` \n\r\t\x01\x7fé\u0301漢🙂\u2028\U0010ffff"
"""What a language of expressions, of patterns or of paths may read as its own."""
NUMBERS = [0, -0.0, 1, 1.0, -1, 1.5, 19.99, 0.1, 0.1 + 0.2, 5e-324, 1e16, -1e18, 2**53, 2**53 + 1, 2**63 - 1, 2012]
DATES = ["2020-01-01", "2020-01-01T00:00:00+02:00", "1999-12-31T23:59:59.999999", "2020-01-01T00:00:00.000001Z"]
POOLS: dict[AttributeType, list[Any]] = {
    AttributeType.KEYWORD: TEXTS,
    AttributeType.KEYWORDS: TEXTS,
    AttributeType.TEXT: TEXTS,
    AttributeType.NUMBER: NUMBERS,
    AttributeType.BOOLEAN: [True, False],
    AttributeType.DATETIME: DATES,
}
PREFIXED = (AttributeType.KEYWORD,)
ORDERED = (AttributeType.NUMBER, AttributeType.DATETIME)


def drawn_value(draw: random.Random, declared: AttributeType) -> Any:
    """What one comparison compares with: a value of the pool, or one that nobody thought of."""
    if declared is AttributeType.BOOLEAN or draw.random() < 0.7:
        return draw.choice(POOLS[declared])
    if declared is AttributeType.NUMBER:
        whole = draw.randint(1 - 2**63, 2**63 - 1)
        return draw.choice([draw.randint(-9, 9) / 4, whole, math.ldexp(draw.random(), draw.randint(-1074, 62))])
    if declared is AttributeType.DATETIME:
        zone = timezone(timedelta(minutes=draw.randint(-14 * 60, 14 * 60)))
        passed = timedelta(seconds=draw.randint(0, 3 * 10**11), microseconds=draw.randint(0, 999_999))
        return (datetime(1, 1, 2, tzinfo=zone) + passed).isoformat()
    return "".join(draw.choice(SIGNS) for _ in range(draw.randint(0, 6)))


def drawn_products(count: int) -> list[dict[str, AttributeValue]]:
    """Products that hold most attributes, with every value of a pool somewhere; the first holds none."""
    draw = random.Random(11)
    products: list[dict[str, AttributeValue]] = [{}]
    for _ in range(1, count):
        stated: dict[str, Any] = {}
        for name, declared in SCHEMA.items():
            if name == "never" or draw.random() < 0.2:
                continue
            several = declared is AttributeType.KEYWORDS
            some = [drawn_value(draw, declared) for _ in range(draw.randint(0, 3) if several else 1)]
            stated[name] = some if several else some[0]
        products.append(check_attributes(stated, SCHEMA))
    return products


def drawn_filter(draw: random.Random, levels: int) -> dict[str, Any]:
    """The JSON of a filter of at most so many levels of `not` and `any`."""
    names = draw.sample(sorted(SCHEMA), draw.choice([1, 1, 1, 0, 2]))
    asked = {name: _condition(draw, SCHEMA[name]) for name in names}
    if levels and draw.random() > 0.5:
        asked["not"] = drawn_filter(draw, levels - 1)
    if levels and draw.random() > 0.5:
        asked["any"] = [drawn_filter(draw, levels - 1) for _ in range(draw.choice([0, 1, 2, 2, 3]))]
    return asked


def _condition(draw: random.Random, declared: AttributeType) -> Any:
    """What is asked of one attribute: a value, one operator or several."""
    if draw.random() < 0.3:
        return drawn_value(draw, declared)
    operators = ["exists", "in"]
    operators += ["prefix"] if declared in PREFIXED else []
    operators += ["bounds"] if declared in ORDERED else []
    asked: dict[str, Any] = {}
    for operator in draw.sample(operators, draw.choice([1, 1, 2])):
        if operator == "exists":
            asked["exists"] = draw.choice([True, False])
        elif operator == "in":
            asked["in"] = [drawn_value(draw, declared) for _ in range(draw.choice([0, 1, 2, 4]))]
        elif operator == "prefix":
            asked["prefix"] = drawn_value(draw, declared)[: draw.randint(0, 3)]
        else:
            asked |= _bounds(draw, declared)
    return asked


def _bounds(draw: random.Random, declared: AttributeType) -> dict[str, Any]:
    """One bound, or a lower and an upper one."""
    sides = (draw.choice(["gt", "gte"]), draw.choice(["lt", "lte"]))
    stated = {side: drawn_value(draw, declared) for side in sides}
    canonical = check_attributes(stated, dict.fromkeys(stated, declared))
    both = dict(zip(sides, sorted(canonical.values()), strict=True))  # type: ignore[type-var]
    return dict(draw.sample(sorted(both.items()), draw.choice([1, 2])))


def deep_and_wide(keys: int, items: int, levels: int) -> dict[str, Any]:
    """At every level so many keys beside an `any` of so many items, of which the first is the next level."""
    beside = {name: POOLS[SCHEMA[name]][0] for name in sorted(SCHEMA)[:keys]}
    asked: dict[str, Any] = {"price": 1}
    for _ in range(levels):
        asked = {"any": [asked, *[{"price": 2}] * (items - 1)], **beside}
    return asked
