"""Hats, scarves and umbrellas."""

import numpy as np

from ..geometry import Points, box, oval, path, symmetric
from ..parts import Light, Paint, Part, Parts, fill, fold, gloss, line

HAT = {
    "wide-brimmed": (
        fill(oval(50, 62, 42, 13), Paint.BODY, Light.CLOTH),
        fill(oval(50, 61, 27, 7), Paint.DEEP, Light.EVEN, opacity=0.5),
        fill(symmetric("M50 28 Q42 32 37 29 Q30 28 27.5 58 Q38 65.5 50 65.5"), light=Light.CYLINDER),
        fill("M28.5 50 Q50 60 71.5 50 L72.6 58.5 Q50 69.5 27.4 58.5", Paint.ACCENT, Light.CYLINDER),
    ),
    "baseball cap": (
        fill("M20 62 C14 14 70 8 76 58 Q50 66 20 62", light=Light.SPHERE),
        fill("M52 61.5 Q62 58 74 57 C86 58 95 64 95 69 Q74 64 52 68.5", Paint.PLAIN, Light.CLOTH),
        fold("M46 25 Q35 42 36 63.5", 0.8, 0.3),
        fold("M48 25 Q60 38 61 61", 0.8, 0.3),
        fill(oval(47, 24.5, 3, 1.9), Paint.DEEP, Light.FLAT),
        fold("M20.5 58 Q48 63 75 54", 0.7, 0.25),
    ),
    "beanie": (
        fill(oval(50, 19, 9.5), Paint.TRIM, Light.SPHERE),
        fill(symmetric("M50 25 C27 25 23 48 22 68 Q36 73 50 73"), light=Light.SPHERE),
        fill("M20 62 Q50 70 80 62 L81 76 Q50 85 19 76", Paint.DEEP, Light.CYLINDER),
        *(
            fold(
                f"M{x} {66 + 3.2 * (1 - ((x - 50) / 30) ** 2)} L{x} {75 + 4 * (1 - ((x - 50) / 30) ** 2)}", 0.7, 0.25
            )
            for x in range(25, 78, 5)
        ),
    ),
    "bucket": (
        fill(symmetric("M50 56 L27 55 Q18 64 11 74 Q30 84 50 84")),
        fill(symmetric("M50 27 Q36 26 33 30 Q29 42 26 58 Q38 64 50 64"), light=Light.CLOTH),
        fold("M27.5 56 Q50 66 72.5 56", 1.4, 0.3),
        fold("M20 66.5 Q50 78 80 66.5", 0.7, 0.2),
        fold("M15.5 71.5 Q50 83 84.5 71.5", 0.7, 0.2),
        fill(oval(37, 44, 1.3), Paint.METAL, Light.SPHERE),
        fill(oval(42, 45.5, 1.3), Paint.METAL, Light.SPHERE),
    ),
}


def _fringe(left: float, right: float, y: float, count: int = 7) -> Parts:
    return tuple(
        line(f"M{x} {y} L{x + 0.4} {y + 6.5}", 1.3, Paint.PLAIN)
        for x in np.linspace(left + 1, right - 1, count).tolist()
    )


SCARF = {
    "fringed": (
        fill(oval(50, 26, 17, 7), Paint.DEEP, Light.EVEN),
        *_fringe(52, 69, 86),
        fill("M52 36 L66 34 Q70 60 69.5 87 L51.5 87 Q54 60 52 36", turn=6),
        *_fringe(33, 50, 79),
        fill("M36 34 L51 36 Q50 60 50.5 80 L32.5 80 Q34 55 36 34", turn=-6),
        fill("M29 23 Q50 40 71 23 Q76 32 70 38 Q50 52 30 38 Q24 32 29 23", turn=90),
        fill("M41 38 Q50 42 58 36 Q62 44 57 50 Q49 53 43 49 Q39 44 41 38", turn=20),
        fold("M33 34 Q50 45 66 33", 0.9, 0.2),
        fold("M42 50 Q41 62 41.5 76", 0.9, 0.14),
    ),
    "neckerchief": (
        fill("M45 24 Q36 8 28 12 Q32 22 44 28", Paint.PLAIN),
        fill("M55 24 Q64 6 73 11 Q68 22 56 28", Paint.PLAIN),
        fill("M16 30 Q50 40 84 30 Q72 62 50 88 Q28 62 16 30"),
        fill("M13 27 Q30 22 47 24 L53 24 Q70 22 87 27 Q88 32 84 34 Q50 45 16 34 Q12 32 13 27", turn=90),
        fill(oval(50, 26, 6.5, 5.5), Paint.PLAIN, Light.SPHERE),
        fold("M20 36 Q34 62 50 86", 0.9, 0.14),
        fold("M80 36 Q66 62 50 86", 0.9, 0.14),
        fold("M40 42 Q46 60 50 76", 0.9, 0.12),
    ),
    "folded": (
        *_fringe(27, 73, 84, 14),
        fill(box(26, 34, 74, 85, 3), turn=2),
        *_fringe(23, 77, 62, 16),
        fill(box(22, 15, 78, 63, 5), turn=-2),
        fold("M24 56 Q50 58 76 56", 0.8, 0.16),
        fold("M23 21 Q50 18.5 77 21", 1, 0.18),
    ),
}


def _canopy(top: float, bottom: float, reach: float) -> tuple[Points, Part, Parts]:
    """A dome with four scallops, its dark inside, and its ribs."""
    edges = np.linspace(50 - reach, 50 + reach, 5).tolist()
    scallops = "".join(
        f" Q{(a + b) / 2} {bottom - 7} {a} {bottom}" for a, b in zip(edges[-2::-1], edges[:0:-1], strict=True)
    )
    lift = (bottom - top) * 1.28
    left, right, pull = edges[0], edges[4], reach * 0.12
    rim = f"M{left} {bottom} C{left + pull} {bottom - lift} {right - pull} {bottom - lift} {right} {bottom}"
    dome = path(rim + scallops)
    inside = fill(oval(50, bottom - 1, reach * 0.9, 4.5), Paint.DEEP, Light.EVEN)
    ribs = tuple(
        fold(f"M50 {top + 1} Q{50 + (x - 50) * 0.8} {top + (bottom - top) * 0.3} {x} {bottom}", 0.8, 0.22, dome)
        for x in edges[1:4]
    )
    return dome, inside, ribs


def _umbrella(top: float, bottom: float, reach: float, shaft: Parts) -> Parts:
    dome, inside, ribs = _canopy(top, bottom, reach)
    tip = line(f"M50 {top - 5} L50 {top + 2}", 1.6, Paint.METAL)
    return (inside, *shaft, tip, fill(dome, light=Light.SPHERE), *ribs)


UMBRELLA = {
    "crook-handled": _umbrella(
        16,
        50,
        41,
        (
            line("M50 44 L50 80", 1.8, Paint.METAL),
            line("M50 74 L50 84 Q50 92 43 92 Q36.5 92 36.5 84.5", 3.4, Paint.WOOD),
        ),
    ),
    "straight-handled": _umbrella(
        20, 52, 43, (line("M50 46 L50 80", 1.8, Paint.METAL), line("M50 76 L50 90", 4.2, Paint.DARK))
    ),
    "dome": _umbrella(
        12,
        60,
        33,
        (line("M50 54 L50 82", 1.8, Paint.METAL), line("M50 77 L50 85 Q50 92 56 92 Q62 92 62 86", 3.2, Paint.TRIM)),
    ),
    "folded": (
        line("M50 8 L50 20", 1.8, Paint.METAL),
        line("M50 70 L50 82 Q50 91 43.5 91 Q37.5 91 37.5 84", 3.6, Paint.WOOD),
        fill(symmetric("M50 12 Q46 14 44 24 L38.5 64 Q41 74 47 75 L50 75"), light=Light.CYLINDER),
        fold("M49 16 Q44 46 45 73", 1.1, 0.28),
        fold("M51 16 Q57 46 55 73", 1.1, 0.28),
        line("M41 53 Q50 57 59 53", 3, Paint.DEEP),
        gloss("M45 34 L42.5 58", 1.4),
    ),
}
