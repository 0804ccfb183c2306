"""Messages of the centre that are no business of the link's state machine, and who hears them."""

from collections.abc import Callable
from uuid import UUID

from edge_core.sync.audit_messages import AuditCall, DigestReply
from edge_core.sync.reference_messages import Published

Aside = DigestReply | AuditCall | Published


class Asides:
    """Hands a message on, where it is meant for this life of the node."""

    def __init__(self) -> None:
        self.on_audit: Callable[[DigestReply | AuditCall], None] = lambda _message: None
        self.on_published: Callable[[Published], None] = lambda _message: None

    def hand_on(self, message: Aside, incarnation: UUID) -> None:
        """A message has come; `incarnation` is the node's present one."""
        if message.incarnation != incarnation:
            return
        if isinstance(message, Published):
            self.on_published(message)
        else:
            self.on_audit(message)
