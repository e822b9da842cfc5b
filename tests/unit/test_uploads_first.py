"""Uploads go before the steps of builds, which go on all the same."""

import threading
import time

from app.domain.uploads import Stage
from app.services.turns import Turns
from app.services.uploads_first import UploadsFirst


def test_uploads_are_done_at_each_pause() -> None:
    done: list[str] = []
    pause = UploadsFirst(
        Turns(), Stage.INDEX, lambda _: done.append("uploads"), lambda: len(done) > 1, time.monotonic
    )
    assert (pause(), pause(), done) == (False, True, ["uploads", "uploads"])


def test_uploads_of_another_thread_are_waited_for_as_long_as_was_worked() -> None:
    turns, busy, over = Turns(), threading.Event(), threading.Event()

    def uploads() -> int:
        busy.set()
        over.wait()
        return 0

    another = threading.Thread(target=turns.take, args=(Stage.INDEX, uploads))
    another.start()
    busy.wait()
    pause = UploadsFirst(
        turns, Stage.INDEX, lambda _: turns.take(Stage.INDEX, uploads), lambda: False, time.monotonic
    )
    time.sleep(0.2)
    before = time.monotonic()
    pause()
    waited = time.monotonic() - before
    before = time.monotonic()
    pause()  # nothing was done since
    assert time.monotonic() - before < waited < 2
    over.set()
    another.join()
