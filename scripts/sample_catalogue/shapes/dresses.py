"""Dresses and skirts."""

from ..geometry import mirror, oval, path, symmetric
from ..parts import Light, Paint, Parts, fill, fold, line


def _pleats(top: float, bottom: float, tops: float, bottoms: float, opacity: float = 0.14) -> Parts:
    """Folds that fan out from a waist, by the half widths of waist and hem."""
    shares = (-0.78, -0.46, -0.15, 0.17, 0.48, 0.8)
    middle = (top + bottom) / 2
    return tuple(
        fold(
            f"M{50 + share * tops} {top} Q{50 + share * (tops + bottoms) * 0.44} {middle} "
            f"{50 + share * bottoms} {bottom}",
            1.0,
            opacity,
        )
        for share in shares
    )


_SLEEVE = path("M37 14 Q27 16 24 24 L20 36 Q25 40 31 40 L35 29")
_LONG_SLEEVE = path("M37 14 Q28 16 25 26 L15 60 L22 62.5 L35 32")
_BODICE = "M50 21 Q42 21 39 13 L35.5 14.5 Q35 26 37.5 32 L40 46 L50 46.5"

DRESS = {
    "A-line": (
        fill(oval(50, 14, 10, 4), Paint.DEEP, Light.EVEN),
        fill(_SLEEVE, turn=-24),
        fill(mirror(_SLEEVE), turn=24),
        fill(symmetric(_BODICE)),
        fill(symmetric("M50 45 L40 45 Q36 62 24 86 Q37 90.5 50 90.5")),
        *_pleats(50, 86, 9, 23),
        line("M40 46 Q50 48 60 46", 3, Paint.DEEP),
        line("M39 13.5 Q42 22 50 22 Q58 22 61 13.5", 1.6, Paint.PLAIN),
    ),
    "strappy": (
        line("M41 24 L42.5 9", 2, Paint.PLAIN),
        line("M59 24 L57.5 9", 2, Paint.PLAIN),
        fill(symmetric("M50 26 Q43 19 38.5 22 Q38 32 40.5 44 L50 44.5")),
        fill(symmetric("M50 43 L40.5 43 Q34 58 27 82 Q29 84.5 32 83 Q35 86.5 39 84.5 Q43 87.5 46 86 Q48 87.5 50 87")),
        *_pleats(48, 80, 9, 20),
        line("M40.5 43.5 Q50 45.5 59.5 43.5", 1.6, Paint.ACCENT),
    ),
    "maxi": (
        fill(oval(50, 12, 9, 4), Paint.DEEP, Light.EVEN),
        fill(_LONG_SLEEVE, turn=-18),
        fill(mirror(_LONG_SLEEVE), turn=18),
        fill(symmetric("M50 26 L40.5 12 L35.5 14 Q35 26 38 34 L41 42 L50 42.5")),
        fill(symmetric("M50 41 L41 41 Q37 60 29 92 Q40 95 50 95")),
        *_pleats(45, 91, 8, 18),
        line("M41 42 Q50 44 59 42", 2.6, Paint.DEEP),
        line("M40.5 12 L50 27 L59.5 12", 1.6, Paint.PLAIN),
    ),
}

SKIRT = {
    "A-line": (
        fill(symmetric("M50 26 L35 25 Q32 50 18 76 Q34 82 50 82")),
        *_pleats(34, 78, 13, 29, 0.11),
        fill("M34.5 20 Q50 23 65.5 20 L66 27 Q50 30 34 27", Paint.DEEP),
    ),
    "pleated": (
        fill(symmetric("M50 24 L34 24 L20 80 L26 82.5 L31 80.5 L37 83.5 L43 81.5 L50 84")),
        *_pleats(28, 81, 14, 29, 0.3),
        fill("M33.5 18 Q50 21 66.5 18 L67 26 Q50 29 33 26", Paint.PLAIN),
        fill(oval(50, 24, 1.7), Paint.TRIM, Light.SPHERE),
    ),
    "pencil": (
        fill(symmetric("M50 18 L36 17 Q28 34 30 48 L34 86 Q42 88 50 88")),
        fold("M50 88 L50 72", 1.2, 0.35),
        fold("M43 24 L42 33", 0.8, 0.22),
        fold("M57 24 L58 33", 0.8, 0.22),
        fill("M35.5 13 Q50 15.5 64.5 13 L65 19.5 Q50 22 35 19.5", Paint.DEEP),
    ),
}
