"""How large an index is, by the formulas that its makers give.

Bytes of a row, from faiss's wiki, "Guidelines to choose an index" (those of Milvus are of faiss and hnswlib): a
vector of d numbers takes 4d, or d where a byte is kept of each; a graph adds 2M links of 4 bytes at its lowest level,
to which those above add little; a list adds an id of 8 bytes; a product quantiser keeps m codes of nbits. Once an
index: the centre of each list, and the code book.
"""

from app.domain.builds import IndexSpec

_FLOAT = 4
_LINK = 4
_ID = 8


def vector_bytes(dimension: int) -> int:
    """Bytes of one vector in full precision."""
    return _FLOAT * dimension


def index_bytes(index: IndexSpec, dimension: int, rows: int) -> int:
    """Bytes of an index over `rows` vectors, in memory or in its file."""
    return round(rows * _row_bytes(index, dimension)) + _fixed_bytes(index, dimension)


def _row_bytes(index: IndexSpec, dimension: int) -> float:
    whole, byte_each = vector_bytes(dimension), dimension
    params = index.build_params
    match index.type:
        case "HNSW":
            return whole + 2 * _LINK * params["M"]
        case "HNSW_SQ":
            return byte_each + 2 * _LINK * params["M"]
        case "IVF_FLAT":
            return whole + _ID
        case "IVF_SQ8":
            return byte_each + _ID
        case "IVF_PQ":
            return params["m"] * params["nbits"] / 8 + _ID
        case _:
            return whole


def _fixed_bytes(index: IndexSpec, dimension: int) -> int:
    params = index.build_params
    centres = params.get("nlist", 0) + (1 << params["nbits"] if "nbits" in params else 0)
    return centres * vector_bytes(dimension)
