"""What the log keeps of a judgement on an order: what was found, by which rules, from data of which age."""

from typing import Literal

from msgspec import Struct

Owner = Literal["store", "back_office", "centre"]
"""Who has to answer a hold, the lowest first: people at the tills, the store's back office, the centre."""

Answer = Literal["approve", "refuse"]
"""What can be done about a hold."""


class Finding(Struct, frozen=True, array_like=True, gc=False):
    """What a rule found; `dataset`, its version and its age when it was asked, where it asked one."""

    rule: str
    says: str
    dataset: str | None = None
    version: int | None = None
    age_ms: int | None = None


class EditionUsed(Struct, frozen=True, array_like=True, gc=False):
    """A dataset that a judgement asked, in which version, and how old it was by the store's clock."""

    dataset: str
    version: int
    age_ms: int


class Basis(Struct, frozen=True, array_like=True, gc=False):
    """What an order was judged by: the rules, the data, whose prices were taken, and what is worth knowing."""

    rules_id: str
    priced_by: Literal["book", "till"]
    editions: tuple[EditionUsed, ...] = ()
    notes: tuple[Finding, ...] = ()


class Rung(Struct, frozen=True, array_like=True, gc=False):
    """Who has to answer a hold, and within how many milliseconds of its coming to them."""

    owner: str
    within_ms: int


class Proposal(Struct, frozen=True, array_like=True, gc=False):
    """What should be done about a hold, and why."""

    answer: Answer
    because: str
