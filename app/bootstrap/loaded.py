"""What a process that answers for a long time does once everything is loaded."""

import gc
import sys

SWITCH_S = 0.0002
"""How long a thread of Python may keep the others waiting: by itself 5 ms, and each of the hundred steps of a model
lets go of the interpreter and waits anew. Beside a thread that only computes, a query was encoded in 440 ms, and now
in 22; the thread that computes loses nothing that can be measured."""

NEW_OBJECTS = 20_000
"""That many more than before are looked through for garbage: by itself 700, and each search makes some thousand that
live no longer than it does. To look through them again and again took a tenth of its time."""


def long_lived() -> None:
    """Take turns often, and leave what is loaded by now out of every later collection of garbage.

    Libraries make half a million objects that live as long as the process. To look through them takes a third of a
    second, in which no thread of Python runs: no query is answered, no upload goes on.
    """
    sys.setswitchinterval(SWITCH_S)
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS)
