"""Checks the nodes of a policy cell by cell: tables, expressions and switches."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, get_args

import zen

from edge_core.limits import POLICY_COLUMNS_MAX, POLICY_ROWS_MAX
from edge_core.orders.document import Preference
from edge_core.policy.cells import Checker, Typed
from edge_core.policy.engine import said
from edge_core.policy.faults import Cell, PolicyFault
from edge_core.policy.grammar import Unreadable
from edge_core.policy.notes import Notes, objects
from edge_core.policy.schema import INPUTS, OUTPUTS, Output
from edge_core.policy.verdict import NONE, check_answer

Json = Mapping[str, Any]

_THOUSANDTHS: Final = 1000
_KNOWN_WORDS: Final = {"preference": get_args(Preference), "method": ("ship", "pickup")}
"""Facts that have few values: a word that is none of them is a slip."""
_NO_SHIFT: Final = {"inputField": (None, ""), "outputPath": (None, ""), "executionMode": (None, "single")}
"""What would move facts and answers to other names, or go over lists."""


class NodeLinter:
    """Checks nodes of one policy. `checker` has what the facts were compared with."""

    def __init__(self, notes: Notes, checker: Checker) -> None:
        self._notes = notes
        self._checker = checker

    def table(self, name: str, content: Json) -> None:
        """A decision table: the first row that matches answers."""
        if content.get("hitPolicy", "first") != "first":
            self._notes.refuse("its rows have to be tried until the first that matches", ("first",), node=name)
        self._plain(name, content)
        asked = self._columns(name, content, "inputs")
        told = self._columns(name, content, "outputs")
        self._fields(name, asked, told)
        rows = objects(content.get("rules"))
        if not rows or not told:
            self._notes.refuse("a table needs a row and a column that answers", node=name)
        if len(rows) > POLICY_ROWS_MAX:
            self._notes.refuse(f"{len(rows)} rows, the limit is {POLICY_ROWS_MAX}", node=name)
            return
        for number, row in enumerate(rows, 1):
            self._row(name, number, row, asked, told)
        self._reach(name, rows, asked)

    def expressions(self, name: str, content: Json) -> None:
        """A node that computes answers."""
        self._plain(name, content)
        seen: set[str] = set()
        rows = objects(content.get("expressions"))
        if not rows:
            self._notes.refuse("it computes nothing", node=name)
        for number, row in enumerate(rows, 1):
            key, value = str(row.get("key", "")), row.get("value")
            output = OUTPUTS.get(key)
            if output is None:
                self._notes.refuse(f"{key!r} is no answer", tuple(OUTPUTS), node=name, row=number)
            elif key in seen:
                self._notes.refuse("it is computed twice, and the later one wins", node=name, row=number, column=key)
            elif not isinstance(value, str) or not value.strip():
                self._notes.refuse("it is blank", node=name, row=number, column=key)
            else:
                self._answer(name, number, key, output, value, is_guarded=False)
            seen.add(key)

    def switch(self, name: str, content: Json) -> list[str]:
        """A node that chooses the way: the ids of its ways."""
        if content.get("hitPolicy", "first") != "first":
            self._notes.refuse("its conditions have to be tried until the first that holds", ("first",), node=name)
        statements = objects(content.get("statements"))
        for number, row in enumerate(statements, 1):
            condition = row.get("condition")
            if isinstance(condition, str) and condition.strip():
                self._yesno(name, number, "condition", condition)
            elif number != len(statements):
                self._notes.refuse("a blank condition always holds: those after it never do", node=name, row=number)
        if not statements or str(statements[-1].get("condition") or "").strip():
            self._notes.doubt("no way for everything else: such orders get no answer", node=name)
        return [str(row.get("id")) for row in statements]

    # --- tables ------------------------------------------------------------------------------------------------------

    def _plain(self, name: str, content: Json) -> None:
        for key, allowed in _NO_SHIFT.items():
            if content.get(key) not in allowed:
                self._notes.refuse(f"{key} {content[key]!r} is not allowed: facts keep their names", node=name)

    def _columns(self, name: str, content: Json, which: str) -> dict[str, str]:
        """The columns by id, each with the fact or the answer that it is for."""
        columns = objects(content.get(which))
        if len(columns) > POLICY_COLUMNS_MAX:
            self._notes.refuse(f"{len(columns)} {which}, the limit is {POLICY_COLUMNS_MAX}", node=name)
        found: dict[str, str] = {}
        for column in columns[:POLICY_COLUMNS_MAX]:
            identifier = str(column.get("id", ""))
            if not identifier or identifier in found:
                self._notes.refuse(f"two columns have the id {identifier!r}", node=name, column=str(column.get("name")))
            found[identifier] = str(column.get("field") or "")
        return found

    def _fields(self, name: str, asked: Mapping[str, str], told: Mapping[str, str]) -> None:
        for field in asked.values():
            if field and field not in INPUTS:
                near = tuple(known for known in INPUTS if known.lower() == field.lower())
                self._notes.refuse(f"{field!r} is no fact", near or tuple(INPUTS), node=name, column=field)
        for field in told.values():
            if field not in OUTPUTS:
                self._notes.refuse(f"{field!r} is no answer", tuple(OUTPUTS), node=name, column=field)
        if len(set(told.values())) != len(told):
            self._notes.refuse("two columns give the same answer, and the later one wins", node=name)
        if shared := asked.keys() & told.keys():
            self._notes.refuse(f"a column that asks and one that answers have the id {min(shared)!r}", node=name)

    def _row(self, name: str, number: int, row: Json, asked: Mapping[str, str], told: Mapping[str, str]) -> None:
        for key, value in row.items():
            if key not in asked and key not in told and not key.startswith("_"):
                self._notes.refuse(f"the cell {key!r} is of no column: it would be left out", node=name, row=number)
            elif not isinstance(value, str):
                self._notes.refuse(f"a cell is text, found {value!r}", node=name, row=number, column=key)
        for key, field in asked.items():
            text = row.get(key)
            if isinstance(text, str) and text.strip():
                self._asked(name, number, field, text)
        answers = [(field, row.get(key)) for key, field in told.items()]
        if all(not isinstance(text, str) or not text.strip() for _, text in answers):
            self._notes.doubt("it answers nothing: orders that match it end here", node=name, row=number)
        for field, text in answers:
            output = OUTPUTS.get(field)
            if output is not None and isinstance(text, str) and text.strip():
                self._answer(name, number, field, output, text, is_guarded=False)

    def _asked(self, name: str, number: int, field: str, text: str) -> None:
        if not field:
            self._yesno(name, number, "", text, is_guarded=True)
        elif field in INPUTS:
            self._try(name, number, field, lambda: self._checker.tests(text, INPUTS[field]))
            self._compile(name, number, field, zen.compile_unary_expression, text)

    def _reach(self, name: str, rows: Iterable[Json], asked: Iterable[str]) -> None:
        """Rows that come too late: the same is asked before, or everything matched before."""
        seen: dict[tuple[str, ...], int] = {}
        catcher = 0
        for number, row in enumerate(rows, 1):
            cells = tuple(" ".join(str(row.get(key) or "").split()) for key in asked)
            if catcher:
                self._notes.refuse(f"it can never match: row {catcher} matches everything", node=name, row=number)
            elif cells in seen:
                self._notes.refuse(f"it can never match: row {seen[cells]} asks the same", node=name, row=number)
            seen.setdefault(cells, number)
            catcher = catcher or (0 if any(cells) else number)
        if not catcher:
            self._notes.doubt("no row for everything else: this policy says nothing of such orders", node=name)

    # --- cells -------------------------------------------------------------------------------------------------------

    def _yesno(self, name: str, number: int, column: str, text: str, *, is_guarded: bool = False) -> None:
        def check() -> None:
            typed = self._checker.expression(text, is_guarded=is_guarded)
            if typed.type != "yesno":
                raise Unreadable(f"a condition is true or false, and this is a {typed.type}")

        self._try(name, number, column, check)
        self._compile(name, number, column, zen.compile_expression, text)

    def _answer(self, name: str, number: int, column: str, output: Output, text: str, *, is_guarded: bool) -> None:
        def check() -> None:
            typed = self._checker.expression(text, is_guarded=is_guarded)
            _fit(output, typed)
            if typed.is_constant:
                _check_constant(output, text)

        self._try(name, number, column, check)
        self._compile(name, number, column, zen.compile_expression, text)

    def _try(self, name: str, number: int, column: str, check: Any) -> None:
        try:
            check()
        except Unreadable as error:
            self._notes.refuse(error.what, error.allowed, node=name, row=number, column=column)

    def _compile(self, name: str, number: int, column: str, compile_: Any, text: str) -> None:
        """The engine's own opinion, where ours was good: the grammar allows no more than the engine does."""
        last = self._notes.findings[-1] if self._notes.findings else None
        if last is not None and last.cell == Cell(self._notes.policy_id, name, number, column):
            return
        try:
            compile_(text)
        except RuntimeError as error:
            self._notes.refuse(f"the engine cannot read it: {said(error)}", node=name, row=number, column=column)


def unknown_words(notes: Notes, checker: Checker) -> None:
    """Warn of words that a fact never is."""
    for fact, value in sorted({(use.fact, str(use.value)) for use in checker.uses if use.fact in _KNOWN_WORDS}):
        if value and value not in _KNOWN_WORDS[fact]:
            notes.doubt(f"{fact} is never {value!r}, but {', '.join(_KNOWN_WORDS[fact])}", column=fact)


def _fit(output: Output, typed: Typed) -> None:
    fitting = {"number": ("number",), "yesno": ("yesno",), "words": ("words", "word")}[output.type]
    if typed.type in fitting or (output.may_be_null and typed.type == "word" and typed.is_constant):
        return
    examples = {"number": ("150", "0.5"), "yesno": ("true", "false"), "words": ("['fragile:air']",)}[output.type]
    raise Unreadable(f"expected a {output.type}, found a {typed.type}", examples)


def _check_constant(output: Output, text: str) -> None:
    """What is the same for every order can be tried now."""
    value = zen.evaluate_expression(text)
    if isinstance(value, float) and output.per_unit == _THOUSANDTHS and round(value, 3) != value:
        raise Unreadable(f"{value} has more than three decimals: prices are counted in thousandths")
    try:
        check_answer(output, value)
    except PolicyFault as fault:
        allowed = (*fault.finding.allowed, *((f"'{NONE}'",) if output.may_be_null else ()))
        raise Unreadable(fault.finding.what, allowed) from fault
