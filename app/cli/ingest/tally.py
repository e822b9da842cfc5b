"""What became of an ingest so far: the numbers it reports, and the uploads it still waits for."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from app.cli.screen import valid
from app.domain.uploads import TERMINAL, UploadState

Document = dict[str, Any]

Loss = Literal["product", "picture"]
"""What an error costs: the product, or a picture without which the product goes in."""


@dataclass(slots=True)
class Tally:
    """`pending` holds the ids of accepted uploads that have not reached their last state, oldest first.

    `newest_before` is when the newest upload of before this ingest was accepted, by the service's clock: what was
    accepted until then is `unchanged`, as stating a product again makes no new upload of it. `pictured` are those of
    the accepted that came with pictures.
    """

    newest_before: datetime | None = None
    accepted: int = 0
    unchanged: int = 0
    ended: Counter[str] = field(default_factory=Counter)
    errors: list[dict[str, str | None]] = field(default_factory=list)
    warnings: list[Document] = field(default_factory=list)
    pending: dict[str, str] = field(default_factory=dict)
    pictured: int = 0

    def refuse(self, product_id: str | None, code: str, detail: str, lost: Loss | None = "product") -> None:
        """List something that did not go in; `lost` is None where it is all that was not sent yet."""
        shown = None if product_id is None else valid(product_id)
        self.errors.append({"product_id": shown, "code": code, "detail": valid(detail), "lost": lost})

    def accept(self, answer: Document, *, pictured: bool) -> None:
        """Count an upload that was answered 2xx. Its receipt tells the rest, even if it ended long ago."""
        self.accepted += 1
        self.pictured += pictured
        self.pending[answer["upload_id"]] = answer["product_id"]

    def end(self, receipt: Document) -> None:
        """Count an upload in its last state; why it died is listed, and the pictures it has to go without."""
        self.pending.pop(receipt["upload_id"], None)
        self.ended[receipt["state"]] += 1
        accepted_at = datetime.fromisoformat(receipt["stages"][0]["at"])
        self.unchanged += self.newest_before is not None and accepted_at <= self.newest_before
        for image in receipt.get("images", ()):
            place = f"images[{image['position']}] {image.get('source', '')}"
            detail = f"{place}: {image['error']['detail']}"
            self.refuse(receipt["product_id"], image["error"]["code"], detail, "picture")
        if receipt["state"] == UploadState.DEAD:
            reason = receipt.get("error") or {"code": "dead", "detail": f"see upload {receipt['upload_id']}"}
            self.refuse(receipt["product_id"], reason["code"], reason["detail"])

    @property
    def failed(self) -> bool:
        """Whether anything did not go in."""
        return bool(self.errors) or self.ended[UploadState.DEAD] > 0

    @property
    def losses(self) -> tuple[int, int]:
        """How many products did not go in, and how many pictures of products that did."""
        lost = {error["product_id"] or error["detail"] for error in self.errors if error["lost"] == "product"}
        pictures = [error for error in self.errors if error["lost"] == "picture" and error["product_id"] not in lost]
        return len(lost), len(pictures)

    def report(self, seconds: float) -> Document:
        """The document an ingest ends with."""
        return {
            "accepted": self.accepted,
            "unchanged": self.unchanged,
            **{state.value: self.ended[state] for state in TERMINAL},
            "errors": self.errors,
            "warnings": self.warnings,
            "seconds": round(seconds, 3),
        }
