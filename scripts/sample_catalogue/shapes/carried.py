"""Backpacks, handbags and watches."""

import numpy as np

from ..geometry import box, oval, symmetric
from ..parts import Light, Paint, Parts, fill, fold, gloss, line

_STRAPS = (line("M34 24 Q20 30 19 56 L23 80", 5, Paint.DEEP), line("M66 24 Q80 30 81 56 L77 80", 5, Paint.DEEP))
_LOOP = line("M43 17 C43 6 57 6 57 17", 2.8, Paint.DEEP)


def _zip(outline: str) -> Parts:
    return line(outline, 1.3, Paint.DARK), line(outline, 0.5, Paint.METAL)


BACKPACK = {
    "everyday": (
        *_STRAPS,
        _LOOP,
        fill(symmetric("M50 13 Q29 13 27 34 L24 80 Q24 89 34 89.5 L50 90")),
        *_zip("M30 46 Q30 20 50 20 Q70 20 70 46"),
        fill(box(30, 54, 70, 86, 6), Paint.BODY, turn=4),
        fold("M30 60 Q30 54 36 54 L64 54 Q70 54 70 60", 1, 0.3),
        *_zip("M33 61 L67 61"),
        line("M60 61 L60 66", 1.4, Paint.TRIM),
    ),
    "flap": (
        *_STRAPS,
        _LOOP,
        fill(box(25, 24, 75, 90, 8)),
        fill(symmetric("M50 14 Q28 14 25 30 L24 54 Q26 62 50 63")),
        fold("M24 55 Q27 62 50 63 Q73 62 76 55", 1.2, 0.32),
        line("M39 50 L39 76", 3.4, Paint.TRIM),
        line("M61 50 L61 76", 3.4, Paint.TRIM),
        fill(box(36.5, 66, 41.5, 71, 1), Paint.METAL, hole=box(38, 67.5, 40, 69.5)),
        fill(box(58.5, 66, 63.5, 71, 1), Paint.METAL, hole=box(60, 67.5, 62, 69.5)),
    ),
    "roll-top": (
        *_STRAPS,
        fill(symmetric("M50 24 L30 24 L25 82 Q25 89 33 89.5 L50 90")),
        fill(box(27, 12, 73, 22, 5), Paint.DEEP),
        fill(box(28, 19, 72, 28, 4), Paint.PLAIN),
        line("M50 14 L50 48", 3.6, Paint.TRIM),
        fill(box(46, 40, 54, 47, 1.4), Paint.METAL, hole=box(48, 42, 52, 45)),
        fold("M25.5 76 Q50 80 74.5 76", 1, 0.25),
        fold("M27.5 58 Q50 61 72.5 58", 0.8, 0.14),
    ),
}

HANDBAG = {
    "tote": (
        line("M36 42 C36 6 64 6 64 42", 3, Paint.TRIM),
        fill("M22 36 Q50 40 78 36 L83 86 Q50 91 17 86"),
        line("M22 37 Q50 41 78 37", 1.8, Paint.PLAIN),
        line("M36 38.5 L36 50", 3.4, Paint.TRIM),
        line("M64 38.5 L64 50", 3.4, Paint.TRIM),
        fold("M30 84 Q32 70 30 58", 0.9, 0.12),
        fold("M69 84 Q67 72 70 60", 0.9, 0.12),
    ),
    "satchel": (
        line("M30 38 C34 12 66 12 70 38", 4, Paint.DEEP),
        fill(box(15, 34, 85, 84, 7)),
        fill("M14 38 Q14 33 20 33 L80 33 Q86 33 86 38 L84 58 Q72 66 50 66 Q28 66 16 58", turn=3),
        fold("M16 58 Q28 66 50 66 Q72 66 84 58", 1.3, 0.34),
        line("M32 56 L32 74", 3.6, Paint.TRIM),
        line("M68 56 L68 74", 3.6, Paint.TRIM),
        fill(box(29, 65, 35, 71, 1), Paint.METAL, hole=box(31, 67, 33, 69)),
        fill(box(65, 65, 71, 71, 1), Paint.METAL, hole=box(67, 67, 69, 69)),
    ),
    "bowling": (
        line("M36 44 C36 14 64 14 64 44", 3.6, Paint.DEEP),
        fill(symmetric("M50 34 Q26 34 20 50 Q12 70 15 80 Q16 85 24 85.5 L50 86")),
        *_zip("M24 46 Q32 38 50 38 Q68 38 76 46"),
        fill("M15 80 Q13 68 19 53 Q28 66 28 86 L24 85.5 Q16 85 15 80", Paint.PLAIN),
        fill("M85 80 Q87 68 81 53 Q72 66 72 86 L76 85.5 Q84 85 85 80", Paint.PLAIN),
        fill(oval(36, 46, 2), Paint.METAL, Light.SPHERE),
        fill(oval(64, 46, 2), Paint.METAL, Light.SPHERE),
    ),
}

_STRAP = (
    fill("M37 36 L39 8 Q50 4 61 8 L63 36", light=Light.CYLINDER),
    fill("M37 64 L39 93 Q50 98 61 93 L63 64", light=Light.CYLINDER),
    *(fill(oval(50, y, 1.1), Paint.DEEP, Light.EVEN) for y in (80, 84.5, 89)),
    line("M39.5 14 L60.5 14", 2, Paint.METAL),
)


def _subdials(*centres: tuple[float, float]) -> Parts:
    rings = [fill(oval(x, y, 5.4), Paint.METAL, Light.FLAT, hole=oval(x, y, 4.5)) for x, y in centres]
    return (*rings, *(line(f"M{x} {y} L{x + 1.5} {y - 3}", 0.8, Paint.CREAM) for x, y in centres))


def _ticks(radius: float, paint: Paint = Paint.DARK) -> Parts:
    angles = np.arange(12) * (np.pi / 6)
    return tuple(
        line(
            f"M{50 + np.sin(a) * radius:.3f} {50 - np.cos(a) * radius:.3f} "
            f"L{50 + np.sin(a) * (radius - 2.4):.3f} {50 - np.cos(a) * (radius - 2.4):.3f}",
            1,
            paint,
        )
        for a in angles
    )


_HANDS = (
    line("M50 50 L43 42", 1.7, Paint.DARK),
    line("M50 50 L58 38", 1.2, Paint.DARK),
    fill(oval(50, 50, 1.5), Paint.METAL, Light.SPHERE),
)
_CROWN = fill(box(73, 47, 77.5, 53, 1), Paint.METAL, Light.FLAT)

WATCH = {
    "round": (
        *_STRAP,
        _CROWN,
        fill(oval(50, 50, 24.5), Paint.METAL, Light.SPHERE),
        fill(oval(50, 50, 20.5), Paint.CREAM, Light.FLAT),
        *_ticks(18.5),
        *_HANDS,
        gloss("M35 44 Q39 35 47 33", 1.8, 0.5),
    ),
    "square": (
        *_STRAP,
        _CROWN,
        fill(box(27, 27, 73, 73, 7), Paint.METAL, Light.CLOTH),
        fill(box(31, 31, 69, 69, 4), Paint.CREAM, Light.FLAT),
        *_ticks(16.5),
        *_HANDS,
        gloss("M35 42 L35 35 L42 35", 1.6, 0.5),
    ),
    "chronograph": (
        *_STRAP,
        _CROWN,
        fill(box(69, 34, 75, 39, 1), Paint.METAL, Light.FLAT),
        fill(box(69, 61, 75, 66, 1), Paint.METAL, Light.FLAT),
        fill(oval(50, 50, 25.5), Paint.METAL, Light.SPHERE),
        fill(oval(50, 50, 21.5), Paint.DARK, Light.FLAT),
        *_ticks(19.5, Paint.CREAM),
        *_subdials((40, 52), (60, 52), (50, 61)),
        line("M50 49 L44 38", 1.6, Paint.CREAM),
        line("M50 49 L60 40", 1.2, Paint.CREAM),
        fill(oval(50, 49, 1.5), Paint.METAL, Light.SPHERE),
        gloss("M34 44 Q38 35 46 32", 1.6, 0.4),
    ),
}
