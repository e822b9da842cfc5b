"""What a search found, read from the columns of the answer as they come.

pymilvus makes an object and two dicts of each hit, which takes as long as a server takes to search.
"""

from itertools import islice
from typing import Any

from pymilvus import MilvusClient, MilvusException
from pymilvus.client.call_context import _api_level_md
from pymilvus.client.utils import check_status
from pymilvus.grpc_gen.milvus_pb2 import SearchRequest
from pymilvus.grpc_gen.schema_pb2 import SearchResultData

from app.adapters.milvus.words import METRIC
from app.ports.vectors import Neighbour


def unpacking(client: MilvusClient) -> MilvusClient:
    """The client, whose `search`, asked for the output field `product_id`, returns a list of `Neighbour` a query.

    All that comes before the call and decides on another is the library's own.
    """
    connection: Any = client._get_connection()

    def execute(
        request: SearchRequest, timeout: float | None = None, context: Any = None, **_: Any
    ) -> list[list[Neighbour]]:
        answer = connection._stub.Search(request, timeout=timeout, metadata=_api_level_md(context))
        check_status(answer.status)
        by_words = any(one.key == "metric_type" and one.value == METRIC for one in request.search_params)
        return neighbours_of(answer.results, by_cosine=not by_words)

    connection._execute_search = execute
    return client


def neighbours_of(results: SearchResultData, *, by_cosine: bool = True) -> list[list[Neighbour]]:
    """The rows that were found, a list a query, best first."""
    products = next((list(one.scalars.string_data.data) for one in results.fields_data), [])
    ids, scores = list(results.ids.str_id.data), list(results.scores)
    if not len(ids) == len(products) == len(scores) == sum(results.topks):
        raise MilvusException(message="the answer to a search has columns of different lengths")
    # Rounding of float32 puts the cosine of a vector with itself a little above 1.
    bounded = [max(-1.0, min(1.0, score)) for score in scores] if by_cosine else scores
    found = map(Neighbour, ids, products, bounded)
    return [list(islice(found, count)) for count in results.topks]
