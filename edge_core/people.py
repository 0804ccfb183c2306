"""Who is who, as far as a document says: four eyes are two operator ids that nobody would take for one."""


def is_same_person(one: str | None, other: str | None) -> bool:
    """Whether two operator ids name one person as people read them: `Op-1` and `op-1` do. An id that is missing does
    not name anybody."""
    return one is not None and other is not None and one.casefold() == other.casefold()
