"""What the centre may ask of a node about holds (docs/checks.md): kinds of `edge_core.sync.instruction`."""

from msgspec import Struct

from edge_core.orders.judgment import Owner
from edge_core.orders.requests import ApproveRequest, HoldRequest, RefuseRequest


class HoldTask(Struct, frozen=True, array_like=True, gc=False, tag="order.hold"):
    """Have an order looked at before it goes on, by somebody of at least the rank of `owner`."""

    reason: str
    owner: Owner = "back_office"
    operator_id: str | None = None
    expected_revision: int | None = None

    def request(self) -> HoldRequest:
        """The same as a till would ask it."""
        return HoldRequest(self.reason, self.owner, self.operator_id, self.expected_revision)


class ApproveTask(Struct, frozen=True, array_like=True, gc=False, tag="order.approve"):
    """Let an order go on that is held."""

    hold_id: str | None = None
    reason: str | None = None
    operator_id: str | None = None
    expected_revision: int | None = None

    def request(self) -> ApproveRequest:
        """The same as a till would ask it."""
        return ApproveRequest(self.hold_id, self.reason, self.operator_id, self.expected_revision)


class RefuseTask(Struct, frozen=True, array_like=True, gc=False, tag="order.refuse"):
    """Call an order off that is held."""

    reason: str
    hold_id: str | None = None
    operator_id: str | None = None
    expected_revision: int | None = None

    def request(self) -> RefuseRequest:
        """The same as a till would ask it."""
        return RefuseRequest(self.reason, self.hold_id, self.operator_id, self.expected_revision)


HoldingTask = HoldTask | ApproveTask | RefuseTask
