"""Logs: every line one JSON object, whoever wrote it."""

import logging
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import structlog

from edge_core.limits import ERROR_TEXT_CHARS_MAX
from holdfast_runtime.log import bounded, configure


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    out, err = capsys.readouterr()
    assert err == ""
    return [msgspec.json.decode(line) for line in out.splitlines()]


def test_a_line_is_one_json_object_with_time_level_and_event_first(capsys: pytest.CaptureFixture[str]) -> None:
    configure()
    structlog.get_logger().bind(node="n1").info("order_accepted", lines=2)
    (line,) = lines(capsys)
    assert list(line) == ["at", "level", "event", "node", "lines"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("at"))
    assert line == {"level": "info", "event": "order_accepted", "node": "n1", "lines": 2}


def test_the_standard_library_speaks_the_same_language(capsys: pytest.CaptureFixture[str]) -> None:
    configure()
    logging.getLogger("uvicorn.error").warning("Invalid %s", "request")
    (line,) = lines(capsys)
    assert (line["level"], line["event"], line["logger"]) == ("warning", "Invalid request", "uvicorn.error")
    assert "at" in line


def test_what_is_below_the_level_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    configure("warning")
    structlog.get_logger().info("quiet")
    logging.getLogger("x").info("quiet")
    structlog.get_logger().warning("loud")
    assert [line["event"] for line in lines(capsys)] == ["loud"]


def test_an_exception_is_written_with_its_trace_on_the_same_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure()
    try:
        raise ValueError("why\nso")  # noqa: TRY301 - the trace is what is tested
    except ValueError:
        structlog.get_logger().exception("failed")
        logging.getLogger("x").exception("failed too")
    first, second = lines(capsys)
    assert "ValueError: why" in first["exception"]
    assert "ValueError: why" in second["exception"]


@pytest.mark.parametrize("value", [object(), {(1, 2): 3}, "\ud800", 2**70, {1, 2}, float("nan")])
def test_no_value_can_stop_a_line_from_being_written(capsys: pytest.CaptureFixture[str], value: object) -> None:
    configure()
    structlog.get_logger().info("odd", value=value)
    assert [line["event"] for line in lines(capsys)] == ["odd"]


def test_a_foreign_text_is_cut() -> None:
    assert bounded("short") == "short"
    assert len(bounded("x" * 10_000)) == ERROR_TEXT_CHARS_MAX
