"""Chairs, sofas, lamps and cushions."""

import numpy as np

from ..geometry import Points, box, mirror, oval, path, symmetric
from ..parts import Light, Paint, Parts, fill, fold, line


def _legs(*ends: tuple[float, float, float, float], paint: Paint = Paint.WOOD) -> Parts:
    return tuple(line(f"M{a} {b} L{c} {d}", 3, paint) for a, b, c, d in ends)


CHAIR = {
    "dining": (
        *_legs((35, 60, 34, 84), (65, 60, 66, 84)),
        line("M33 62 L30 22", 3, Paint.WOOD),
        line("M67 62 L70 22", 3, Paint.WOOD),
        fill("M29 14 Q50 10 71 14 L69 42 Q50 45 31 42"),
        *_legs((30, 66, 27, 92), (70, 66, 73, 92)),
        fill("M33 54 L67 54 Q73 60 75 65 Q75 70 71 70 L29 70 Q25 70 25 65 Q27 60 33 54"),
        fold("M26 65.5 Q50 68 74 65.5", 0.8, 0.22),
    ),
    "armchair": (
        *_legs((27, 82, 24, 93), (73, 82, 76, 93)),
        fill(symmetric("M50 16 Q29 15 27 30 L26 68 L50 68")),
        fill(box(27, 56, 73, 72, 6), turn=5),
        fill(box(22, 68, 78, 86, 5)),
        fill(path("M31 86 L31 52 Q31 43 23 43 Q15 43 15 52 L17 82 Q17 86 21 86"), turn=-6),
        fill(path("M69 86 L69 52 Q69 43 77 43 Q85 43 85 52 L83 82 Q83 86 79 86"), turn=6),
        fold("M28 68 Q50 71 72 68", 1, 0.3),
        *(fill(oval(x, 36, 1.1), Paint.DEEP, Light.SPHERE) for x in (40, 50, 60)),
    ),
    "swivel": (
        line("M50 66 L50 82", 4, Paint.METAL),
        line("M28 89 Q50 78 72 89", 3.4, Paint.DARK),
        line("M50 81 L50 91", 3.4, Paint.DARK),
        *(fill(oval(x, 92, 2.6), Paint.DARK, Light.SPHERE) for x in (28, 50, 72)),
        line("M50 40 L50 62", 4, Paint.DARK),
        fill(box(29, 11, 71, 50, 11)),
        line("M26 50 Q22 58 26 62", 3, Paint.DARK),
        line("M74 50 Q78 58 74 62", 3, Paint.DARK),
        fill(box(24, 57, 76, 70, 6)),
        fold("M25 65 Q50 68 75 65", 0.8, 0.22),
    ),
}


def _sofa(seats: int, arm: Points, back: float) -> Parts:
    """Seats are 22 wide, and the arms, drawn left of x = 0, stand where the seats end."""
    width = 22
    start = 50 - width * seats / 2
    lefts = [start + width * index for index in range(seats)]
    left_arm = arm + np.array([[start, 0]], np.float32)
    return (
        *_legs((start - 3, 78, start - 5, 87), (103 - start, 78, 105 - start, 87)),
        fill(box(start - 4, back, 104 - start, 70, 7), Paint.PLAIN),
        *(fill(box(left, back + 2, left + width, 62, 5), turn=2 * index) for index, left in enumerate(lefts)),
        *(fill(box(left, 56, left + width, 69, 4)) for left in lefts),
        fill(box(start - 6, 67, 106 - start, 80, 4)),
        fill(left_arm),
        fill(mirror(left_arm)),
        fold(f"M{start} 68.5 L{100 - start} 68.5", 1, 0.3),
    )


_SLIM_ARM = box(-11, 45, 1, 81, 5)
_ROLLED_ARM = path("M-9 81 L-8 60 Q-15 58 -14.5 50 Q-13 42 -5 42 Q4 43 3 52 L2 81")

SOFA = {
    "two-seater": _sofa(2, _SLIM_ARM, 34),
    "three-seater": _sofa(3, _SLIM_ARM, 36),
    "rolled-arm": (
        *_sofa(2, _ROLLED_ARM, 32),
        *(fill(oval(x, y, 1), Paint.DEEP, Light.SPHERE) for x in (33, 39, 45, 55, 61, 67) for y in (41, 49)),
        fill(oval(22.4, 50, 4.6), Paint.PLAIN, Light.SPHERE),
        fill(oval(77.6, 50, 4.6), Paint.PLAIN, Light.SPHERE),
    ),
}


def _glow(outline: Points, strength: float) -> Parts:
    return (fill(outline, Paint.LIGHT, Light.EVEN, opacity=strength),)


LAMP = {
    "table": (
        fill(oval(50, 88, 15, 3.6), Paint.WOOD, Light.CYLINDER),
        fill(symmetric("M50 54 L47.5 54 C47 62 38 68 39 77 Q40 85 46 87 L50 87"), Paint.TRIM, Light.CYLINDER),
        fill(oval(50, 56, 28, 4.5), Paint.LIGHT, Light.EVEN, opacity=0.85),
        fill("M36 14 Q50 17 64 14 L78 55 Q50 62 22 55", light=Light.CYLINDER),
        line("M36 14.5 Q50 17.5 64 14.5", 1.2, Paint.DEEP),
        line("M22.4 54.6 Q50 61.4 77.6 54.6", 1.4, Paint.DEEP),
        *_glow(path("M44 20 Q50 21 56 20 L62 54 Q50 57 38 54"), 0.13),
    ),
    "floor": (
        fill(oval(50, 92, 13, 2.8), Paint.METAL, Light.CYLINDER),
        line("M50 34 L50 91", 2, Paint.METAL),
        fill("M38 6 Q50 8.5 62 6 L72 36 Q50 42 28 36", light=Light.CYLINDER),
        line("M38 6.5 Q50 9 62 6.5", 1.1, Paint.DEEP),
        line("M28.4 35.8 Q50 41.6 71.6 35.8", 1.3, Paint.DEEP),
        *_glow(path("M45 10 Q50 11 55 10 L60 36 Q50 38 40 36"), 0.13),
        line("M58 39 L58 47", 0.7, Paint.METAL),
    ),
    "tripod": (
        *_legs((47, 48, 26, 93), (50, 48, 52, 91), (53, 48, 74, 93)),
        fill(box(44, 43, 56, 51, 2), Paint.METAL, Light.CYLINDER),
        fill(box(27, 10, 73, 45, 3), light=Light.CYLINDER),
        line("M28 11.4 L72 11.4", 1.3, Paint.DEEP),
        line("M28 43.6 L72 43.6", 1.3, Paint.DEEP),
        *_glow(box(41, 13, 59, 43), 0.12),
    ),
}

_PLUMP = "M50 20 Q32 22 19 16 Q16 15 16 19 Q23 36 22 50 Q23 66 16 81 Q16 85 19 84 Q34 78 50 80"

CUSHION = {
    "square": (
        fill(symmetric(_PLUMP)),
        fold("M24 24 Q30 28 33 33"),
        fold("M76 24 Q70 28 67 33"),
        fold("M24 77 Q30 73 32 68"),
        fold("M76 77 Q70 73 68 68"),
    ),
    "round": (
        fill(oval(50, 50, 35)),
        *(fold(f"M50 50 L{x} {y}", 1, 0.12) for x, y in ((50, 17), (79, 33), (79, 67), (50, 83), (21, 67), (21, 33))),
        fill(oval(50, 50, 3), Paint.DEEP, Light.SPHERE),
        line(oval(50, 50, 34.5), 1.4, Paint.PLAIN),
    ),
    "tasselled": (
        *(
            line(f"M{x} {y} L{x + dx * 7} {y + dy * 7}", 3.6, Paint.TRIM)
            for x, y, dx, dy in ((18, 28, -0.7, -0.7), (82, 28, 0.7, -0.7), (18, 72, -0.7, 0.7), (82, 72, 0.7, 0.7))
        ),
        fill(symmetric("M50 30 Q32 31 17 27 Q20 50 17 73 Q32 69 50 70")),
        line("M17.5 27.5 Q50 33 82.5 27.5", 1, Paint.TRIM),
        line("M17.5 72.5 Q50 67 82.5 72.5", 1, Paint.TRIM),
    ),
}
