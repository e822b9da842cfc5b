"""What a long-lived process does once everything is loaded."""

import gc


def keep_loaded() -> None:
    """Leave what is loaded by now out of every later collection of garbage.

    Libraries make half a million objects that live as long as the process. To look through them takes a third of a
    second, in which no thread of Python runs: no query is answered, no upload goes on.
    """
    gc.collect()
    gc.freeze()
