"""What became of an ingest so far: the numbers it reports, and the uploads it still waits for."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from app.cli.screen import valid
from app.domain.uploads import TERMINAL, UploadState

Document = dict[str, Any]


@dataclass(slots=True)
class Tally:
    """`pending` holds the ids of accepted uploads that have not reached their last state, oldest first."""

    accepted: int = 0
    ended: Counter[str] = field(default_factory=Counter)
    errors: list[dict[str, str | None]] = field(default_factory=list)
    pending: dict[str, str] = field(default_factory=dict)

    def refuse(self, product_id: str | None, code: str, detail: str) -> None:
        """List something that did not go in."""
        shown = None if product_id is None else valid(product_id)
        self.errors.append({"product_id": shown, "code": code, "detail": valid(detail)})

    def accept(self, answer: Document) -> None:
        """Count an upload that was answered 2xx; one that was there already may have ended long ago."""
        self.accepted += 1
        if answer["state"] in TERMINAL:
            self.end(answer)
        else:
            self.pending[answer["upload_id"]] = answer["product_id"]

    def end(self, receipt: Document) -> None:
        """Count an upload in its last state; why it died is listed, and the pictures it has to go without."""
        self.pending.pop(receipt["upload_id"], None)
        self.ended[receipt["state"]] += 1
        for image in receipt.get("images", ()):
            place = f"images[{image['position']}] {image.get('source', '')}"
            self.refuse(receipt["product_id"], image["error"]["code"], f"{place}: {image['error']['detail']}")
        if receipt["state"] == UploadState.DEAD:
            reason = receipt.get("error") or {"code": "dead", "detail": f"see upload {receipt['upload_id']}"}
            self.refuse(receipt["product_id"], reason["code"], reason["detail"])

    @property
    def failed(self) -> bool:
        """Whether anything did not go in."""
        return bool(self.errors) or self.ended[UploadState.DEAD] > 0

    def report(self, seconds: float) -> Document:
        """The document an ingest ends with."""
        return {
            "accepted": self.accepted,
            **{state.value: self.ended[state] for state in TERMINAL},
            "errors": self.errors,
            "seconds": round(seconds, 3),
        }
