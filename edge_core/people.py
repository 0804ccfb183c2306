"""Who is who, as far as a document says: four eyes are two operator ids that nobody would take for one."""


def is_same_person(one: str | None, other: str | None) -> bool:
    """Whether two operator ids name one person as people read them: `Op-1` and `op-1` do. An id that is missing does
    not name anybody."""
    return one is not None and other is not None and as_read(one) == as_read(other)


def as_read(operator_id: str) -> str:
    """What is the same for all operator ids that name one person."""
    return operator_id.casefold()
