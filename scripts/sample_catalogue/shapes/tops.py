"""T-shirts and jumpers."""

from ..geometry import Points, box, mirror, oval, path, symmetric
from ..parts import Light, Paint, Parts, fill, fold, line

_TORSO = "M50 25 Q41 25 38 17.5 L31 20 Q30 34 29 46 Q29.5 66 28.5 85 Q40 88 50 88"
_SHORT_SLEEVE = path("M38 17.5 L31 20 Q21 23 17 31 L8 49 Q15 54 23 56 L31 45")
_LONG_SLEEVE = path("M38 17.5 L31 20 Q21 23 18 33 L9 76 L18 79.5 L31 46")
_CUFF = path("M9.6 73.5 L19 77 L17.6 82.6 Q12 81.6 7.6 79")
_BACK_OF_NECK = fill(oval(50, 18.5, 11, 4.5), Paint.DEEP, Light.EVEN)
_FOLDS = (
    fold("M31.5 46 Q36 52 43 54"),
    fold("M68.5 46 Q64 52 57 54"),
    fold("M36 85 Q39 76 37.5 66", opacity=0.1),
    fold("M63 84 Q60 74 62 64", opacity=0.1),
    fold("M31 22 Q29.5 34 30.5 45", 0.8, 0.2),
    fold("M69 22 Q70.5 34 69.5 45", 0.8, 0.2),
)


def _sleeves(outline: Points) -> Parts:
    return fill(outline, turn=-24), fill(mirror(outline), turn=24)


def _shirt(torso: str, sleeves: Points, collar: str, details: Parts) -> Parts:
    return (
        _BACK_OF_NECK,
        *_sleeves(sleeves),
        fill(symmetric(torso)),
        line(collar, 2.2, Paint.PLAIN),
        fold(collar, 0.6, 0.22),
        *details,
        *_FOLDS,
    )


_CREW = "M38.3 17.5 Q41 26.4 50 26.4 Q59 26.4 61.7 17.5"
_VEE = "M38.3 17.5 L50 34 L61.7 17.5"
_HEM = (fold("M29 82 Q40 85 50 85 Q60 85 71 82", 0.6, 0.22),)
_CUFF_SEAMS = (fold("M9.6 46 Q16 51 24.5 53", 0.6, 0.22), fold("M90.4 46 Q84 51 75.5 53", 0.6, 0.22))

T_SHIRT = {
    "crew-neck": _shirt(_TORSO, _SHORT_SLEEVE, _CREW, _HEM + _CUFF_SEAMS),
    "V-neck": _shirt(
        _TORSO.replace("M50 25 Q41 25 38 17.5", "M50 34 L38 17.5"), _SHORT_SLEEVE, _VEE, _HEM + _CUFF_SEAMS
    ),
    "long-sleeved": _shirt(_TORSO, _LONG_SLEEVE, _CREW, _HEM),
}

_RIBS = (
    fill(path("M28.5 79 Q40 82 50 82 Q60 82 71.5 79 L71 87 Q60 90 50 90 Q40 90 29 87"), Paint.DEEP),
    fill(_CUFF, Paint.DEEP),
    fill(mirror(_CUFF), Paint.DEEP),
)
_HOOD = fill(symmetric("M50 8 Q33 8 33 20 Q36 28 50 32"), Paint.PLAIN)
_POCKET = fill("M38 60 L62 60 L67 72 L66 78 L34 78 L33 72", Paint.PLAIN)

JUMPER = {
    "crew-neck": (
        _BACK_OF_NECK,
        *_sleeves(_LONG_SLEEVE),
        fill(symmetric(_TORSO)),
        *_RIBS,
        line(_CREW, 3.2, Paint.DEEP),
        *_FOLDS,
    ),
    "roll-neck": (
        *_sleeves(_LONG_SLEEVE),
        fill(symmetric(_TORSO)),
        *_RIBS,
        fill(box(38.5, 9, 61.5, 26, 5), Paint.DEEP, Light.CYLINDER),
        fold("M39 18 Q50 21 61 18", 1, 0.25),
        *_FOLDS,
    ),
    "hooded": (
        *_sleeves(_LONG_SLEEVE),
        fill(symmetric(_TORSO)),
        *_RIBS,
        _HOOD,
        fill(symmetric("M50 12 Q39 12 39 20 Q42 26 50 30"), Paint.DEEP, Light.EVEN),
        _POCKET,
        line("M45 28 L44 44", 1.1, Paint.TRIM),
        line("M55 28 L56 42", 1.1, Paint.TRIM),
        *_FOLDS,
    ),
}
