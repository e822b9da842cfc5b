"""Sneakers, boots and socks."""

from ..geometry import path
from ..parts import Light, Paint, Parts, fill, fold, line


def _laces(*pairs: tuple[float, float, float, float]) -> Parts:
    return tuple(line(f"M{a} {b} L{c} {d}", 1.7, Paint.TRIM) for a, b, c, d in pairs)


def _sole(height: float = 8) -> Parts:
    top = 70
    return (
        fill(
            f"M9 {top} Q30 {top + 2} 52 {top - 1} Q76 {top - 1} 92 {top - 4} Q95.5 {top} 92 {top + height - 1} "
            f"Q50 {top + height + 2} 11 {top + height} Q7 {top + 5} 9 {top}",
            Paint.CREAM,
        ),
        fold(f"M9 {top + height * 0.55} Q50 {top + height * 0.8} 93 {top + height * 0.4}", 0.8, 0.16),
    )


_TOE = fill("M74 58 Q90 58 92 67 Q78 71 66 71 Q72 66 74 58", Paint.CREAM, Light.CLOTH)

SNEAKER = {
    "low-top": (
        fill("M16 43 Q27 49 42 40 L45 46 Q30 53 17 50", Paint.DEEP, Light.EVEN),
        fill(
            "M14 41 Q17 53 29 50 Q38 48 42 39 L46 39 Q58 54 74 57.5 Q91 59 92 68 Q50 76 9 71.5 Q9 55 14 41",
            light=Light.CLOTH,
        ),
        fill("M12.5 46 Q16 43 14 41 Q11 50 9 71.5 L22 72.5 Q25 57 12.5 46", Paint.PLAIN),
        _TOE,
        line("M42.5 39.5 Q52 54 68 59", 2.4, Paint.PLAIN),
        *_laces((46, 49, 52.5, 44), (51, 54, 57.5, 48.5), (57, 58, 63.5, 52.5)),
        *_sole(),
    ),
    "high-top": (
        fill("M20 21 Q32 26 45 20 L46 28 Q32 32 20 28", Paint.DEEP, Light.EVEN),
        fill("M18 20 Q31 26 46 19 L49 40 Q57 54 74 57.5 Q91 59 92 68 Q50 76 9 71.5 Q15 48 18 20", light=Light.CLOTH),
        fill("M15.6 40 Q20 56 22 72.5 L9 71.5 Q13 58 15.6 40", Paint.PLAIN),
        _TOE,
        line("M46 21 L48.6 40 Q56 54 70 58.5", 2.4, Paint.PLAIN),
        *_laces((40, 31, 47, 28), (41, 38, 48.5, 35), (43, 45, 50.5, 41), (48, 52, 55, 47), (54, 57, 61, 52)),
        *_sole(),
    ),
    "slip-on": (
        fill("M14 47 Q29 55 48 43 L50 50 Q30 58 15 54", Paint.DEEP, Light.EVEN),
        fill(
            "M13 44 Q16 56 30 54 Q42 52 49 43 Q62 55 76 58 Q91 60 92 68 Q50 76 9 71.5 Q9 56 13 44", light=Light.CLOTH
        ),
        fill("M43 48.5 L50 43.5 L59 51 Q54 58 48 60 Q44 55 43 48.5", Paint.DARK, Light.FLAT),
        fold("M46 60.5 Q58 64 70 71", 0.9, 0.25),
        *_sole(7),
    ),
}

_SHAFT = "M26 16 Q40 20 55 16 L55.5 48 Q58 58 72 61 Q91 64 91 75 Q50 82 20 78 Q24 50 26 16"


def _heel(paint: Paint) -> Parts:
    return (fill("M19 76 Q50 80 92 74 Q93.5 79 91 82 Q66 85 47 83 L44 82.5 L43 88 L20 88 Q18.5 82 19 76", paint),)


BOOT = {
    "lace-up": (
        fill(path(_SHAFT)),
        line("M26.5 17 Q40 21 54.5 17", 3, Paint.DEEP),
        fill("M72 61 Q91 64 91 75 Q80 78 66 79 Q73 71 72 61", Paint.PLAIN),
        fold("M52 18 Q50 40 52 50 Q56 60 70 63", 0.9, 0.3),
        *_laces((46, 27, 55, 25.5), (46, 34, 55, 32.5), (46.5, 41, 55, 39.5), (48, 48, 56, 46), (52, 55, 59, 51.5)),
        *_heel(Paint.DARK),
    ),
    "Chelsea": (
        line("M25.5 25 L25.5 17.5 L29.5 17.5 L29.5 25", 1.7, Paint.DEEP),
        fill("M24 24 Q40 28 57 24 L56.5 48 Q58 58 72 61 Q91 64 91 75 Q50 82 20 78 Q22 50 24 24"),
        fill("M34 27 L50 27 Q50 40 46 53 Q42 56 39 53 Q34 40 34 27", Paint.DARK, Light.FLAT),
        *(fold(f"M{x} 28 L{x + (42.5 - x) * 0.5} 52", 0.6, 0.3) for x in (37, 40, 43, 46)),
        fold("M47 52 Q54 66 66 79", 0.9, 0.22),
        *_heel(Paint.WOOD),
    ),
    "wellington": (
        fill("M25 9 Q40 13 56 9 L56 48 Q58 59 72 61.5 Q92 64 91 76 Q50 82 20 78 Q26 50 25 9", light=Light.CLOTH),
        line("M25.5 10.5 Q40 14.5 55.5 10.5", 3.6, Paint.PLAIN),
        fold("M26 50 Q40 56 56 50", 1, 0.2),
        line("M20.5 75.5 Q50 80 90.5 73.5", 2.2, Paint.PLAIN),
        *_heel(Paint.DARK),
    ),
}


_FOOT = "52 Q48 60 58 66 Q70 74 64 82 Q58 88 48 83 L31 73 Q24 68 26 56"


def _sock(x: float, y: float, top: float) -> Parts:
    """A sock whose leg begins at `top`, moved by (x, y)."""
    leg = path(f"M26 {top} L46 {top} L46 {_FOOT} L26 {top}")
    parts = (
        fill(leg),
        fill("M58 66 Q70 74 64 82 Q58 88 48 83 Q50 72 58 66", Paint.DEEP),
        fill("M25.6 58 Q36 60 36 76 L31 73 Q24 68 25.6 58", Paint.DEEP, within=leg),
        fill(f"M25 {top - 3} L47 {top - 3} L47 {top + 6} L25 {top + 6}", Paint.DEEP),
        *(fold(f"M{rib} {top - 2} L{rib} {top + 5}", 0.6, 0.2) for rib in (29, 33, 37, 41, 44)),
    )
    return tuple(part.moved(1, (x, y)) for part in parts)


SOCKS = {
    "ankle": (*_sock(14, -14, 48), *_sock(-8, -2, 48)),
    "crew": (*_sock(14, -10, 28), *_sock(-8, 1, 28)),
    "knee-high": (*_sock(14, -2, 10), *_sock(-8, 7, 10)),
}
