"""Which of several machines is the node: the one that was enrolled last, whatever lives its file has begun since."""

from uuid import UUID

from edge_core.limits import HELLO_TIMEOUT_MS_MAX
from edge_core.sync.admission import rank
from edge_core.sync.link_types import AwaitEnrolment, LogGrew, SendHello, TransportUp
from edge_core.sync.messages import Hello
from tests.rigs.link_steps import Link, pushes, welcome

FIRST, SECOND, RENEWED, STRANGER = (UUID(int=n) for n in (11, 12, 13, 14))
ENROLLED = {FIRST: 1, SECOND: 2}


def hello(incarnation: UUID, *former: UUID) -> Hello:
    return Hello("store-0001", incarnation, (), None, 0, "test", 1, former=former)


def test_a_machine_that_no_ticket_let_in_has_no_rank() -> None:
    assert rank(hello(STRANGER), ENROLLED) is None
    assert rank(hello(STRANGER, RENEWED), ENROLLED) is None


def test_a_file_keeps_the_rank_of_its_enrolment_under_new_incarnations() -> None:
    assert rank(hello(FIRST), ENROLLED) == rank(hello(RENEWED, FIRST), ENROLLED) == 1


def test_the_newest_enrolment_of_a_lineage_counts() -> None:
    assert rank(hello(RENEWED, FIRST, SECOND), ENROLLED) == 2


def test_a_machine_that_is_told_to_enrol_pushes_nothing_and_asks_again_with_patience() -> None:
    link = Link()
    link.feed(TransportUp())
    assert link.feed(welcome(decision="enrol")) == (AwaitEnrolment("so it is"),)
    assert pushes(link.feed(LogGrew("orders", 500))) == []
    assert link.after(HELLO_TIMEOUT_MS_MAX - 1) == ()
    assert link.after(1) == (SendHello(),)


def test_a_machine_that_was_enrolled_meanwhile_goes_on_at_its_next_hello() -> None:
    link = Link()
    link.feed(TransportUp(), welcome(decision="enrol"))
    link.after(HELLO_TIMEOUT_MS_MAX)
    link.feed(welcome())
    assert link.state.phase == "streaming"
