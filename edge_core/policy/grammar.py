"""What may stand in a cell: a part of the engine's language that always ends, and always gives the same answer.

A grammar of what is allowed, and not a list of what is forbidden: whatever the engine learns in a later version stays
out until somebody has thought about it. Missing are ranges and closures (they run for as long as a list is long),
everything that asks the clock or chance, text templates, and fields of fields.
"""

import re
from typing import Final

from lark import Lark, Token, Tree, UnexpectedCharacters, UnexpectedToken
from msgspec import Struct

_GRAMMAR: Final = r"""
tests: alternative ("," alternative)*
?alternative: conjunction
    | conjunction ("or" conjunction)+                  -> either
?conjunction: test
    | test ("and" test)+                               -> both
?test: COMPARISON sum                                  -> compared
    | "in" list                                        -> among
    | "not" "in" list                                  -> among
    | relation

?expression: disjunction
    | disjunction "?" expression ":" expression        -> choice
?disjunction: all_of
    | all_of ("or" all_of)+                            -> either
?all_of: relation
    | relation ("and" relation)+                       -> both
?relation: sum
    | sum COMPARISON sum                               -> relation
    | sum "in" list                                    -> member
    | sum "not" "in" list                              -> member
?sum: product
    | sum ("+" | "-") product                          -> sum
?product: factor
    | product "*" factor                               -> product
    | product ("/" | "%") factor                       -> quotient
?factor: atom
    | "-" factor                                       -> negative
    | "not" factor                                     -> opposite
?atom: NUMBER                                          -> number
    | STRING                                           -> word
    | "true"                                           -> yesno
    | "false"                                          -> yesno
    | "null"                                           -> null
    | NAME                                             -> name
    | "$"                                              -> own
    | NAME "(" (expression ("," expression)*)? ")"      -> call
    | "(" expression ")"                               -> group
    | list
list: "[" (expression ("," expression)*)? "]"

COMPARISON: "==" | "!=" | ">=" | "<=" | ">" | "<"
NAME: /[A-Za-z_][A-Za-z0-9_]*/
NUMBER: /\d+(\.\d+)?/
STRING: /'[^'\\]*'|"[^"\\]*"/
%ignore /[ \t\r\n]+/
"""

_PARSER: Final = Lark(_GRAMMAR, start=["tests", "expression"], parser="lalr", propagate_positions=True)

FUNCTIONS: Final = ("abs", "ceil", "floor", "max", "min", "round", "contains", "startsWith", "endsWith")
"""What may be called: they end at once, and need nothing but what they are given."""

_CALL: Final = re.compile(r"([A-Za-z_]\w*)\s*\(")
_TEXT: Final = re.compile(r"'[^']*'|\"[^\"]*\"")
_WORDS: Final = frozenset({"and", "or", "not", "in"})
_CLOCK: Final = "it asks the clock, so that the answer could not be had again"
_LOOP: Final = "it goes over a list, with no limit of time"
_REASONS: Final = {
    **dict.fromkeys(("d", "date", "time", "dateString", "year", "month", "dayOfWeek", "dayOfMonth"), _CLOCK),
    **dict.fromkeys(("duration", "startOf", "endOf", "dayOfYear", "weekOfYear", "monthOfYear"), _CLOCK),
    **dict.fromkeys(("map", "filter", "some", "all", "none", "one", "count", "flatMap", "merge", "flatten"), _LOOP),
    "rand": "it is chance, so that the answer could not be had again",
}

_HINTS: Final = {
    "#": "closures over lists are not allowed: they run for as long as a list is long",
    "`": "text templates are not allowed",
    ".": "ranges and fields of fields are not allowed: write >= 1 and <= 3",
    "\\": "text has no escapes",
    "&": "write and",
    "|": "write or",
    "!": "write not",
    "=": "write ==",
    "'": "a text that does not end",
    '"': "a text that does not end",
    "^": "powers are not allowed: they grow beyond what the engine can hold",
}

_SHOWN: Final = {
    "NUMBER": "a number",
    "STRING": "a word in quotes",
    "NAME": "a fact",
    "COMPARISON": "== != < <= > >=",
    "LPAR": "(",
    "RPAR": ")",
    "LSQB": "[",
    "RSQB": "]",
    "COMMA": ",",
    "QMARK": "?",
    "COLON": ":",
    "PLUS": "+",
    "MINUS": "-",
    "STAR": "*",
    "SLASH": "/",
    "PERCENT": "%",
    "DOLLAR": "$",
    "$END": "the end",
}


class Unreadable(Exception):  # noqa: N818 - of a cell; the linter makes a finding of it
    """What is wrong with the text of a cell, from which character on (from 1), and what could stand there."""

    def __init__(self, what: str, allowed: tuple[str, ...] = ()) -> None:
        super().__init__(what)
        self.what = what
        self.allowed = allowed


class Parsed(Struct, frozen=True):
    """A cell as a tree, and the text that it was made of."""

    tree: Tree[Token]
    text: str


def parse_tests(text: str) -> Parsed:
    """A cell under a fact: what the fact is compared with. Raises `Unreadable`."""
    return _parse(text, "tests")


def parse_expression(text: str) -> Parsed:
    """A cell that gives a value. Raises `Unreadable`."""
    return _parse(text, "expression")


def _parse(text: str, start: str) -> Parsed:
    for call in _CALL.finditer(_TEXT.sub("''", text)):
        if call[1] not in FUNCTIONS and call[1] not in _WORDS:
            raise Unreadable(f"{call[1]}() is not allowed: {_REASONS.get(call[1], 'it is not known')}", FUNCTIONS)
    try:
        return Parsed(_PARSER.parse(text, start=start), text)
    except UnexpectedCharacters as error:
        at = error.pos_in_stream or 0
        character = text[at]
        hint = _HINTS.get(character, "names are plain ASCII" if not character.isascii() else "it has no meaning here")
        raise Unreadable(f"{character!r} at character {at + 1}: {hint}") from error
    except UnexpectedToken as error:
        found = "the end" if error.token.type == "$END" else repr(str(error.token))
        where = "" if error.token.type == "$END" else f" at character {(error.token.start_pos or 0) + 1}"
        raise Unreadable(f"{found}{where} is not expected", _shown(error.expected)) from error


def _shown(expected: set[str]) -> tuple[str, ...]:
    return tuple(sorted(_SHOWN.get(name, name.lower()) for name in expected))
