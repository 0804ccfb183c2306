"""The flows of docs/flows.md as data, and somebody who walks one of them over HTTP, step by step."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

import httpx
from msgspec import Struct

from edge_core.orders.requests import REQUESTS
from tests.rigs.agents import key, receipt, sale

Json = dict[str, Any]
CODE, RETURN, SKU, NOW = "$code", "$return", "$sku", "$now"
"""Stand in a body for the pickup code that was said last, the return on its way, the walk's own goods, the time."""

_HOME: Final = {"name": "A. Receiver", "country": "CN", "city": "Haikou", "lines": ["1 Example Road"]}
_PIECE: Final = [{"line_id": "1", "quantity_milli": 1_000}]
_WHY: Final = "changed-mind"
_DELIVERED_MILLI: Final = 10_000


class Step(Struct, frozen=True):
    """One request: a command on the walk's order, or another path of the agent."""

    name: str
    body: Json

    @property
    def path(self) -> str:
        """Where it goes; `{}` stands for the order."""
        return f"/v1/orders/{{}}/{self.name}" if self.name in REQUESTS else self.name


class Flow(Struct, frozen=True):
    """A way that an order can go, under the heading of docs/flows.md that describes it."""

    heading: str
    steps: tuple[Step, ...]


def _do(name: str, **body: object) -> Step:
    return Step(name, body)


def _order(method: str, order_type: str | None = None, *, status: str = "authorized", **changes: object) -> Step:
    """The order of three pieces that a flow begins with."""
    address = {"ship_to": _HOME} if method == "ship" else {}
    fulfillment = {"method": method, **address}
    order = sale(SKU, 3_000, order_type=order_type or method, placed_at=NOW, fulfillment=fulfillment, **changes)
    order["payments"][0]["status"] = status
    return Step("/v1/orders", order)


def _payment(payment_id: str, amount_minor: int) -> Json:
    first: Json = sale(SKU, 10 * amount_minor)["payments"][0]
    return {**first, "payment_id": payment_id}


_SALE: Final = _order("carry_out", "sale", status="captured")
_DELIVERY: Final = Step("/v1/stock/movements", receipt(SKU, _DELIVERED_MILLI))
_HELD: Final = _do("hold", reason="odd-address")
_SHIP: Final = _do("ship", carrier="A. Carrier", tracking="T-1")
_FETCH: Final = (_do("accept"), _do("pick"), _do("ready"))
_SENT: Final = (_do("pick"), _do("pack"), _SHIP, _do("deliver"))
_DEPOSIT: Final = _order(
    "ship",
    "preorder",
    payments=[_payment("p1", 100)],
    payment_terms={"deposit_minor": 100, "balance_due_minor": 200},
    status="captured",
)
_INSTEAD: Final = {**sale(SKU, 2_000, order_type="exchange"), "payments": [_payment("p1", 100)]}
_NO_RECEIPT: Final = {
    "terminal_id": "till-1",
    "operator_id": "op-1",
    "approved_by": "op-2",
    "returned_at": "2026-11-21T09:30:00.000Z",
    "currency": "CNY",
    "tender": "voucher",
    "reason": "no-receipt",
    "lines": [{"sku": SKU, "quantity_milli": 1_000, "unit": "H87", "refund_minor": 100}],
}

FLOWS: Final = (
    Flow("Carry-out sale", (_DELIVERY, _SALE)),
    Flow("Void", (_DELIVERY, _order("ship"), _do("void", reason=_WHY))),
    Flow("Hold", (_DELIVERY, _order("ship"), _HELD, _do("approve", operator_id="op-2"), *_SENT)),
    Flow("Hold", (_DELIVERY, _order("ship"), _HELD, _do("refuse", reason="fraud", operator_id="op-2"))),
    Flow("Ship from store", (_DELIVERY, _order("ship"), _do("accept"), *_SENT)),
    Flow(
        "Ship from store",
        (_DELIVERY, _order("ship"), _do("accept"), _do("reject", reason="short", lines=_PIECE), _do("route"), *_SENT),
    ),
    Flow("Click and collect", (_DELIVERY, _order("pickup"), *_FETCH, _do("collect", code=CODE))),
    Flow("Click and collect", (_DELIVERY, _order("pickup"), *_FETCH, _do("renew"), _do("collect", code=CODE))),
    Flow(
        "Reserve in store and ship home",
        (_DELIVERY, _order("pickup"), *_FETCH, _do("redirect", method="ship", ship_to=_HOME), *_SENT[1:]),
    ),
    Flow("Pre-order", (_DEPOSIT, _do("pay", payment=_payment("p2", 200)), _DELIVERY, _do("route"), *_SENT)),
    Flow(
        "Partial fulfilment",
        (
            _DELIVERY,
            _order("ship"),
            _do("split", lines=_PIECE, reason="short"),
            *(Step(step.name, {**step.body, "group_id": "g1"}) for step in _SENT[:3]),
            _do("route", group_id="g2"),
            *(Step(step.name, {**step.body, "group_id": "g2"}) for step in _SENT[:3]),
            _do("deliver", group_id="g1"),
            _do("deliver", group_id="g2"),
        ),
    ),
    Flow(
        "Partial cancel",
        (_DELIVERY, _order("ship"), _do("cancel-lines", lines=_PIECE, reason=_WHY), _do("cancel", reason=_WHY)),
    ),
    Flow("Return", (_DELIVERY, _SALE, *(_do("return", lines=_PIECE, reason=_WHY) for _ in range(3)))),
    Flow(
        "Return",
        (
            _DELIVERY,
            _SALE,
            _do("return-request", lines=_PIECE, reason=_WHY),
            _do("return-approve", return_id=RETURN),
            _do("return-receive", return_id=RETURN),
            _do("return-inspect", return_id=RETURN, lines=[{**_PIECE[0], "condition": "damaged"}]),
            _do("return-refund", return_id=RETURN),
            _do("return-request", lines=_PIECE, reason=_WHY),
            _do("return-refuse", return_id=RETURN, reason="worn"),
        ),
    ),
    Flow("Return", (_DELIVERY, Step("/v1/returns", _NO_RECEIPT))),
    Flow("Exchange", (_DELIVERY, _SALE, _do("exchange", lines=_PIECE, reason=_WHY, order=_INSTEAD))),
)


class Walk:
    """One walk of a flow, with goods of its own. It remembers its orders and what was said to it."""

    def __init__(self, flow: Flow, till: httpx.AsyncClient) -> None:
        self._flow = flow
        self._till = till
        self._known: dict[str, object] = {SKU: f"goods-{uuid4().hex[:12]}"}
        self._done = 0
        self.orders: list[str] = []

    async def go(self, steps: int | None = None) -> None:
        """So many steps, or all that are left. Each is asked twice with one key, and answered the same."""
        left = self._flow.steps[self._done :]
        for step in left[:steps]:
            await self._ask(step)
            self._done += 1

    async def _ask(self, step: Step) -> None:
        order_id = self.orders[0] if self.orders else ""
        path, head = step.path.format(order_id), key()
        self._known[NOW] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        body = _filled(step.body, self._known)
        answer, again = [await self._till.post(path, json=body, headers=head) for _ in range(2)]
        where = f"{self._flow.heading}, step {self._done + 1}, {step.name}"
        assert answer.is_success, f"{where}: {answer.text}"
        assert (answer.status_code, answer.content) == (again.status_code, again.content), where
        said: Json = answer.json()
        if said.get("order_id") not in {None, *self.orders}:
            self.orders.append(said["order_id"])
        if "pickup_code" in said:
            self._known[CODE] = said["pickup_code"]
        if step.name == "return-request":
            document = (await self._till.get(f"/v1/orders/{order_id}")).json()
            self._known[RETURN] = document["returns"][-1]["return_id"]


def _filled(body: Any, known: Mapping[str, object]) -> Any:
    """A body with what its placeholders stand for."""
    if isinstance(body, dict):
        return {name: _filled(value, known) for name, value in body.items()}
    if isinstance(body, list):
        return [_filled(value, known) for value in body]
    return known.get(body, body) if isinstance(body, str) else body
