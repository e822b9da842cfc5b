"""milvus-lite's answers to calls, where they are not what a server would say."""

from typing import Any

from milvus_lite.adapter.grpc.servicer import MilvusServicer


class LiteServicer(MilvusServicer):  # type: ignore[misc] # milvus-lite publishes no types
    """The service over a database whose collections are `LiteCollection`s."""

    def DescribeIndex(self, request: Any, context: Any) -> Any:  # noqa: N802 - as the protocol calls it
        """As it is, but for what is not indexed yet: by its own account everything is, at all times."""
        answer = super().DescribeIndex(request, context)
        for described in answer.index_descriptions:
            pending = min(self._get_collection(request, context).pending_rows(), described.total_rows)
            described.pending_index_rows = pending
            described.indexed_rows = described.total_rows - pending
        return answer
