"""Mugs, bottles, vases and teapots."""

from ..geometry import Points, box, oval, path, symmetric
from ..parts import Light, Paint, Part, Parts, fill, fold, gloss, line


def _vessel(body: Points) -> Part:
    return fill(body, light=Light.CYLINDER)


def _mouth(y: float, radius: float, depth: float, inside: Paint = Paint.DEEP) -> Parts:
    lip = fill(oval(50, y, radius, depth), Paint.PLAIN, Light.FLAT)
    hollow = oval(50, y + 0.3, radius - 2, depth - 1)
    return (
        lip,
        fill(hollow, Paint.DEEP, Light.EVEN),
        fill(oval(50, y + 2, radius - 2, depth - 1), inside, Light.EVEN, within=hollow),
    )


def _mug(body: str, handle: str, rim: tuple[float, float], shine: str) -> Parts:
    return (
        line(handle, 5.5, Paint.PLAIN, Light.CYLINDER),
        _vessel(symmetric(body)),
        *_mouth(rim[0], rim[1], 5, Paint.TEA),
        gloss(shine),
    )


MUG = {
    "classic": _mug(
        "M27 29 Q28 60 30 76 Q31 84 42 85 L50 85.5", "M72 40 C93 36 92 68 70 66", (29, 23), "M34 42 Q34.5 60 36 72"
    ),
    "tall": _mug(
        "M32 20 L35 80 Q36 86 44 86.5 L50 87", "M67 34 C86 30 85 66 65.5 64", (20, 18), "M38 34 Q39 55 40 72"
    ),
    "rounded": _mug("M31 32 C18 48 22 80 39 83 L50 84", "M74 44 C94 40 92 72 72 70", (32, 19), "M29 52 Q28 62 33 71"),
}

BOTTLE = {
    "sports": (
        line("M43 15 C43 5 57 5 57 15", 3, Paint.DARK),
        fill(box(42, 12, 58, 24, 2), Paint.DARK, Light.CYLINDER),
        fill(symmetric("M43 23 Q34 26 34 34 L34 84 Q34 89 39 89.5 L50 90"), light=Light.CYLINDER),
        fill(box(41, 22, 59, 25.5, 1), Paint.METAL, Light.CYLINDER),
        gloss("M40 36 L40 82"),
    ),
    "slim": (
        fill(box(45, 6, 55, 13, 1.5), Paint.WOOD, Light.CYLINDER),
        fill(
            symmetric("M45.5 12 L45.5 28 Q45 34 39 40 Q36.5 43 36.5 48 L36.5 86 Q36.5 90 41 90.5 L50 91"),
            light=Light.CYLINDER,
        ),
        fill(box(44.6, 12, 55.4, 15.4, 1), Paint.PLAIN, Light.CYLINDER),
        gloss("M41 46 L41 84"),
    ),
    "flask": (
        fill(box(37, 9, 63, 30, 4), Paint.METAL, Light.CYLINDER),
        fill(box(35, 27, 65, 32, 1.5), Paint.DARK, Light.CYLINDER),
        fill(box(34, 31, 66, 90, 4.5), light=Light.CYLINDER),
        fill(box(34, 82, 66, 90, 4), Paint.METAL, Light.CYLINDER),
        gloss("M40 37 L40 78"),
    ),
}


def _sprig(stem: str, leaves: tuple[tuple[float, float, float, float], ...]) -> Parts:
    drawn = [line(stem, 1, Paint.LEAF)]
    for x, y, to_x, to_y in leaves:
        middle_x, middle_y, bend_x, bend_y = (x + to_x) / 2, (y + to_y) / 2, (to_y - y) / 3, (x - to_x) / 3
        drawn.append(
            fill(
                f"M{x} {y} Q{middle_x + bend_x} {middle_y + bend_y} {to_x} {to_y} "
                f"Q{middle_x - bend_x} {middle_y - bend_y} {x} {y}",
                Paint.LEAF,
                Light.FLAT,
            )
        )
    return tuple(drawn)


_SPRIGS = (
    *_sprig(
        "M50 40 Q48 24 41 9",
        ((46, 24, 36, 22), (47.5, 28, 55, 21), (44, 16, 35, 13), (45, 18, 52, 11), (41, 9, 38, 2)),
    ),
    *_sprig("M51 40 Q56 26 66 16", ((55, 28, 66, 30), (59, 22.5, 57, 13), (63, 19, 73, 21), (66, 16, 72, 9))),
)

VASE = {
    "slender": (
        *_SPRIGS,
        _vessel(symmetric("M43 32 Q46 42 42 52 C34 64 36 82 42 88 L50 88.5")),
        *_mouth(32, 7, 2.4),
        gloss("M42 62 Q40 72 43 80"),
    ),
    "round": (
        *_SPRIGS,
        _vessel(symmetric("M42 34 Q43 40 37 43 C18 52 22 84 40 87.5 L50 88")),
        *_mouth(34, 8, 2.6),
        gloss("M31 58 Q28 66 33 76"),
    ),
    "amphora": (
        line("M44 22 C22 18 22 38 33 43", 3.4, Paint.PLAIN),
        line("M56 22 C78 18 78 38 67 43", 3.4, Paint.PLAIN),
        _vessel(symmetric("M42 16 Q45 22 44.5 32 C24 38 26 62 40 80 L39 88 L50 88.5")),
        *_mouth(16, 8, 2.5),
        fold("M40 80 Q50 82.5 60 80", 1.2),
        gloss("M35 46 Q33 55 38 65"),
    ),
}

_SPOUT = "M70 56 C82 58 80 40 90 36 L95 39 C90 48 90 72 70 74"


def _teapot(body: Points, lid: Points, knob_y: float, shine: str) -> Parts:
    return (
        line("M30 44 C8 36 8 76 31 72", 5, Paint.PLAIN, Light.CYLINDER),
        fill(path(_SPOUT), Paint.PLAIN, Light.CLOTH),
        fill(body, light=Light.SPHERE),
        fill(lid, Paint.PLAIN, Light.CYLINDER),
        fill(oval(50, knob_y, 4.4), Paint.WOOD, Light.SPHERE),
        gloss(shine, 3),
    )


TEAPOT = {
    "round": _teapot(
        symmetric("M50 38 Q36 38 31 46 C20 62 28 82 40 84 L50 84.5"),
        symmetric("M50 32 Q38 33 36 41 Q43 43.5 50 43.5"),
        29.5,
        "M34 54 Q30 62 34 72",
    ),
    "tall": _teapot(
        symmetric("M50 30 L38 30 Q34 30 33 36 L28 78 Q28 85 36 85.5 L50 86"),
        symmetric("M50 23 Q40 24 38 31 Q44 33 50 33"),
        20.5,
        "M38 42 L34 72",
    ),
    "low": _teapot(
        symmetric("M50 46 Q32 46 26 56 C18 72 26 84 40 85 L50 85"),
        symmetric("M50 41 Q36 42 34 49 Q42 51 50 51"),
        38.5,
        "M31 60 Q27 67 31 75",
    ),
}
