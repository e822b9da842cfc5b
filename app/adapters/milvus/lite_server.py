"""The process that milvus-lite runs in: `python -m app.adapters.milvus.lite_server DATABASE FOLDER`.

It listens on the socket `milvus` in the folder and says so on stdout. When its stdin ends, so does it, and the folder
with it: with whoever started it, however that one ends.
"""

import gc
import os
import shutil
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc  # type: ignore[import-untyped]  # it publishes no types
from milvus_lite import db
from milvus_lite.engine import collection as engine
from milvus_lite.index.faiss_ivf_flat import faiss
from milvus_lite.schema import validation
from pymilvus.grpc_gen import milvus_pb2_grpc

from app.adapters.milvus import lite_search
from app.adapters.milvus.lite_collection import LiteCollection
from app.adapters.milvus.lite_servicer import LiteServicer

WORKERS = 10  # calls at a time
MESSAGE_BYTES = 256 * 2**20  # as a Milvus server takes them
GRACE_S = 5.0  # for the answers to calls in hand
SWITCH_S = 0.0002  # a search waits for others at each array that it touches: 5 ms, if nothing is said


class AnyRows(faiss.IndexIVFFlat):  # type: ignore[misc] # faiss publishes no types
    """faiss's index, content with fewer than the 39 rows a list that it asks for to place the lists.

    Exact search is an index of one list, which needs nothing to train on, and yet faiss warns on stderr, past every
    log, for each small catalog; milvus-lite has no setting for that. With more lists the warning is right and stays.
    """

    def train(self, rows: Any) -> None:
        """Place the lists."""
        if self.nlist == 1:
            self.cp.min_points_per_centroid = 1
        super().train(rows)


def main() -> None:
    """Serve the database until stdin ends."""
    # Where a service manager ends every process at once, calls in hand are finished all the same.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    faiss.IndexIVFFlat = AnyRows
    # It would look at each number of each vector, a third of the time it takes to write a row. Vectors are checked
    # before they are sent (`rows.py`): their dimension, that they are finite, their norm.
    validation._find_float_vector = lambda _schema: None
    db.Collection = LiteCollection  # which says why, as does the next
    engine.execute_search_with_index = lite_search.search
    path, folder = sys.argv[1:]
    database = db.MilvusLite(path)
    workers = ThreadPoolExecutor(WORKERS)
    sizes = [(f"grpc.max_{way}_message_length", MESSAGE_BYTES) for way in ("receive", "send")]
    # Pymilvus asks every ten seconds whether this lives, which gRPC takes for an attack, and tells on stderr.
    server = grpc.server(workers, options=[*sizes, ("grpc.http2.max_ping_strikes", 0)])
    milvus_pb2_grpc.add_MilvusServiceServicer_to_server(LiteServicer(database), server)
    server.add_insecure_port(f"unix:{folder}/milvus")
    server.start()
    sys.setswitchinterval(SWITCH_S)
    gc.freeze()  # what is loaded lives as long as this does: no collection has to look through it
    sys.stdout.write("listens\n")
    sys.stdout.flush()
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nobody reads what comes after
    sys.stdin.read()
    server.stop(GRACE_S).wait()
    workers.shutdown()  # however long a call takes: whoever opened the database beside one would tear its log
    database.close()
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
