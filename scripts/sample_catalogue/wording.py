"""Titles and descriptions: many wordings, every one true of the picture."""

from dataclasses import dataclass
from random import Random

from .vocabulary import COLOUR_WORDS, KIND_WORDS, PATTERN_ADJECTIVES, PATTERN_PHRASES, STYLE_SENTENCES

# A style that is a noun of its own ("beanie") stands for the kind; the others stand before it.
STYLE_NOUNS = {"armchair", "baseball cap", "beanie", "neckerchief"}
_UNSAID_STYLES = {"classic", "everyday"}

_TITLES = (
    ("{colour} {pattern} {item}", 5),
    ("{pattern} {colour} {item}", 4),
    ("{item} in {colour}, {pattern}", 2),
    ("{colour} {item} {phrase}", 4),
    ("{item}, {colour} {phrase}", 2),
    ("{brand} {colour} {pattern} {item}", 3),
    ("{brand} {item} {phrase} – {colour}", 2),
    ("{item} {phrase}, {colour}", 2),
    ("{colour} {item}", 1),
    ("{pattern} {item}", 1),
)
_OPENINGS = (
    "{article} {pattern} {noun} in {colour}.",
    "{article} {colour} {noun} {phrase}.",
    "{noun}, {colour}, {phrase}.",
    "Our {pattern} {noun}, here in {colour}.",
    "From {brand}: {article} {colour} {noun} {phrase}.",
)
_USES = {
    "kitchen": ("Dishwasher-safe.", "A good present for a new kitchen.", "For the breakfast table or the office."),
    "home": (
        "Brings some life to a quiet room.",
        "At home on a shelf or a window sill.",
        "Made in a small workshop.",
    ),
    "clothing": ("Wash at 30 degrees.", "Soft to wear from the first day.", "Goes with jeans or something smarter."),
    "accessories": ("Light to carry.", "For town and weekend.", "Comes in a small gift box."),
    "bags": ("Room for a day's things.", "Sturdy seams, made for years.", "Inside pocket for keys and phone."),
    "shoes": ("Fits true to size.", "Comfortable from the first step.", "Resoled on request."),
    "furniture": ("Delivered to your door.", "Ten minutes to put together.", "For living room and study."),
}


@dataclass(frozen=True)
class Wording:
    """The texts of one product."""

    title: str
    description: str


def word(*, kind: str, style: str, colour: str, pattern: str, brand: str, department: str, random: Random) -> Wording:
    """Draw a title and a description."""
    noun = random.choice((KIND_WORDS[kind][0], *KIND_WORDS[kind]))
    words = {
        "noun": noun,
        "item": _item(noun, style, random),
        "colour": random.choice(COLOUR_WORDS[colour]),
        "pattern": random.choice(PATTERN_ADJECTIVES[pattern]),
        "phrase": random.choice(PATTERN_PHRASES[pattern]),
        "brand": brand,
    }
    templates, weights = zip(*_TITLES, strict=True)
    title = _sentence(random.choices(templates, weights)[0], words)
    words |= {
        "noun": random.choice(KIND_WORDS[kind]),
        "colour": random.choice(COLOUR_WORDS[colour]),
        "pattern": random.choice(PATTERN_ADJECTIVES[pattern]),
        "phrase": random.choice(PATTERN_PHRASES[pattern]),
    }
    opening = random.choice(_OPENINGS)
    words["article"] = _article(opening, words)
    sentences = [_sentence(opening, words), STYLE_SENTENCES[kind, style]]
    if random.random() < 0.7:
        sentences.append(random.choice(_USES[department]))
    return Wording(title, " ".join(sentences))


def _item(noun: str, style: str, random: Random) -> str:
    """The noun with its style, mostly; some shops leave the style to the picture."""
    if style in _UNSAID_STYLES or random.random() < 0.2:
        return noun
    if style in STYLE_NOUNS:
        return style
    before, of, thing = noun.rpartition(" of ")  # a pair of ankle socks, not an ankle pair of socks
    return f"{before}{of}{style} {thing}"


def _article(opening: str, words: dict[str, str]) -> str:
    following = opening.partition("{article} ")[2].format_map(words)
    if following.startswith(("socks", "pair")) or words["noun"] == "socks":
        return "some"
    return "an" if following[:1] in "aeiou" else "a"


def _sentence(template: str, words: dict[str, str]) -> str:
    text = template.format_map(words)
    return text[0].upper() + text[1:]
