"""Words: what a text is cut into so that it is found by them, whatever its language and its spelling.

One way for what is indexed and for what is asked. Scripts that set no spaces between words are cut into overlapping
pairs of characters (bigrams), which need no dictionary and no guess at a language.
"""

import re
from itertools import pairwise
from unicodedata import category, normalize

MAX_TERM = 64  # characters; a name or a model number is shorter, and what is longer is no word

_UNSPACED = (
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f"  # Myanmar
    "\u1780-\u17ff"  # Khmer
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff"  # Japanese
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
    "\uac00-\ud7af"  # Korean sets spaces, and puts particles after its words
)
_JOINERS = "-/_.'&+"
_TOKEN = re.compile(rf"([{_UNSPACED}]+)|[^\s{_UNSPACED}{_JOINERS}]+(?:[{_JOINERS}][^\s{_UNSPACED}{_JOINERS}]+)*")
_JOINER = re.compile(r"[-/_'&+]|(?<!\d)\.|\.(?!\d)")  # a point between digits is that of a decimal number
_PART = re.compile(r"\d[\d.]*|\D+")
_ACCENTS = re.compile("(?<=[a-zα-ω])[\u0300-\u036f]+")

_MARKED = str.maketrans({"™": " ", "℠": " "})  # else letters of their own: Gore-TexTM
_FOLDED = {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"}
_SAME = {"’": "'", "ʼ": "'", "‘": "'", "‐": "-", "‑": "-", "–": "-", "−": "-"}


class _Kept(dict[int, str]):
    """What each character becomes: itself where it is part of a word or may join two, else a space."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        kept = character in _JOINERS or category(character)[0] in "LMN"
        self[code] = character if kept else " "
        return self[code]


_KEPT = _Kept({ord(one): other for one, other in (_FOLDED | _SAME).items()})


def terms_of(text: str, *, singles: bool = False) -> list[str]:
    """The terms of a text, in order; what stands in it twice comes twice.

    A word with a hyphen, a point or the like in it is a term as a whole, without them, and so are its parts; letters
    and digits side by side are parts too: WH-1000XM4, wh1000xm4 and WH 1000 XM4 have terms in common. With `singles`,
    as an index has them, each character of an unspaced script is a term too: a query of one character finds it.
    """
    terms: list[str] = []
    for found in _TOKEN.finditer(_plain(text)):
        if found[1]:
            terms += _pairs(found[1], singles=singles)
        else:
            terms += _spellings(found[0])
    return terms


def _plain(text: str) -> str:
    """Lower case, without the accents of Latin and Greek letters, and with spaces for what is in no word."""
    if not text.isascii():
        apart = normalize("NFKD", text.translate(_MARKED)).casefold()
        text = normalize("NFKC", _ACCENTS.sub("", apart))
    return text.casefold().translate(_KEPT)


def _spellings(word: str) -> list[str]:
    """A word as a whole, between its joiners, and by its letters and digits; each once."""
    if word.isalpha():
        return [word[:MAX_TERM]]
    pieces = _JOINER.split(word)
    whole = "".join(pieces)
    found = dict.fromkeys([whole] if len(whole) <= MAX_TERM else [])
    for piece in pieces:
        found |= dict.fromkeys(one[:MAX_TERM].rstrip(".") for one in (piece, *_PART.findall(piece)))
    return list(found)


def _pairs(run: str, *, singles: bool) -> list[str]:
    """Every two neighbouring characters of a run, each with the marks that stand on it."""
    characters: list[str] = []
    for one in run:
        if characters and category(one)[0] == "M":
            characters[-1] += one
        else:
            characters.append(one)
    pairs = [one + after for one, after in pairwise(characters)]
    return [*characters, *pairs] if singles and pairs else pairs or characters
