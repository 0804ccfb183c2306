"""What may be asked of an order where it is, by the tables alone, and the answers to those who may not."""

from edge_core.errors import Rejected
from edge_core.limits import ORDER_EVENTS_MAX, ORDER_RETURNS_MAX
from edge_core.orders.machines import GROUP, ORDER, RETURN, Transition
from edge_core.orders.state import OrderState


def allowed_commands(state: OrderState) -> tuple[str, ...]:
    """What somebody may ask of the order as it stands, by the tables alone; `hand-back` only where it was assigned."""
    found = [*ORDER.commands(state.status)]
    found += [name for group in state.groups for name in GROUP.commands(group.status)]
    found += [name for one in state.returns for name in RETURN.commands(one.status)]
    return tuple(dict.fromkeys(name for name in found if name != "hand-back" or state.assigned is not None))


def not_allowed(state: OrderState, command: str, where: str) -> Rejected:
    """The answer to a command that the tables do not have where the order is."""
    detail = f"{where}; {command} is not possible from there"
    return Rejected("command-not-allowed", detail, state=state.status, allowed=allowed_commands(state))


def has_room(state: OrderState) -> Rejected | None:
    """Whether the order may be divided and changed further; going on to its end it may always."""
    if state.revision < ORDER_EVENTS_MAX:
        return None
    detail = f"the order has {state.revision} events, {ORDER_EVENTS_MAX} are the most for this command"
    return Rejected("order-too-long", detail, state=state.status, allowed=allowed_commands(state))


def has_room_for_return(state: OrderState) -> Rejected | None:
    """Whether goods of the order may come back once more. Its length does not count: who has goods may bring them."""
    if len(state.returns) < ORDER_RETURNS_MAX:
        return None
    detail = f"goods of the order came back {len(state.returns)} times, {ORDER_RETURNS_MAX} are the most"
    return Rejected("order-too-long", detail, state=state.status, allowed=allowed_commands(state))


def may_give(row: Transition, role: str) -> Rejected | None:
    """Whether the one who gives the command may. The back office may do whatever people at the tills may."""
    if role in row.roles or (role == "back_office" and "store" in row.roles):
        return None
    return Rejected("role-not-allowed", f"{row.command} is for {' or '.join(row.roles)} to give, not for {role}")
