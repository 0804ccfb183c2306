"""The rules of the house, kept by a test: who imports whom, what the core never touches, how large things may grow."""

import ast
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("edge_core", "holdfast_runtime", "edge_agent", "central_sync")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
EVERYTHING = SOURCES + TESTS + sorted([*(ROOT / "deploy").rglob("*.py"), *(ROOT / "bench").rglob("*.py")])

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
# Larger than that, each with its reason.
LARGER_FILES = {
    "edge_core/limits.py": 600,  # every bound of the house, a line each with its reason
    "holdfast_runtime/mqtt.py": 480,  # one adapter, one library, and every trap of it in one place
    "tests/integration/test_mqtt_adapter.py": 450,  # one contract suite, run on each broker
    "tests/integration/test_agent_bad_input.py": 480,  # a list of everything that a client can do wrong
    "tests/integration/test_agent_orders.py": 480,  # one agent, started once for all of them
}

# Time that is part of what happens, not of waiting for it.
PACED = {
    "tests/rigs/stores.py",  # plays customers, who come in their own time
    "tests/faults/test_system_chaos.py",  # breaks things for a while
    # In virtual time, where a pause costs nothing and decides what happens before what.
    *(
        f"tests/simulation/{name}.py"
        for name in ("centre", "chaos", "demands", "house", "network", "office", "sqlite", "tills")
    ),
}

CORE_MAY_IMPORT = {
    *(
        "__future__",
        "base64",
        "bisect",
        "collections",
        "csv",
        "datetime",
        "decimal",
        "functools",
        "hashlib",
        "heapq",
        "json",
        "math",
        "math",
        "operator",
        "re",
        "statistics",
        "struct",
        "types",
        "typing",
    ),
    *("uuid", "jmespath", "lark", "msgpack", "msgspec", "nacl", "zen", "zstandard"),
}
# What is impure in modules that the core may import.
IMPURE_CALLS = {"uuid1", "uuid4", "getnode", "now", "today", "utcnow", "open", "print", "input", "eval", "exec"}
DRIVERS = {"aiosqlite", "sqlite3", "asyncpg", "psycopg"}
MAY_IMPORT = {
    "edge_core": set(),
    "holdfast_runtime": {"edge_core"},
    "edge_agent": {"edge_core", "holdfast_runtime"},
    "central_sync": {"edge_core", "holdfast_runtime"},
}
# Within a shell, in one direction: a module imports from its own layer and from those to the left of it.
LAYERS = {
    "edge_agent": ("store", "batch submission", "intake", "link status metrics", "api", "app", "service", "cli"),
    "central_sync": ("store", "ingest", "api", "app", "service", "cli"),
}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


class Function(NamedTuple):
    """A function as far as the rules go: what it is called, where it begins, how many lines it has."""

    name: str
    line: int
    lines: int


class Facts(NamedTuple):
    """What the rules ask of a file again and again. No tree is kept: those of all files are a million objects."""

    imported: frozenset[str]
    functions: tuple[Function, ...]


@cache
def facts_of(path: Path) -> Facts:
    imports, functions = set(), []
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            imports |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            imports |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            functions.append(Function(node.name, node.lineno, (node.end_lineno or node.lineno) - node.lineno + 1))
    return Facts(frozenset(imports), tuple(functions))


def imported(path: Path) -> frozenset[str]:
    """Full names of the modules that a file imports, wherever in it."""
    return facts_of(path).imported


def roots(path: Path) -> set[str]:
    return {module.partition(".")[0] for module in imported(path)}


def last_name(function: ast.expr) -> str:
    """The last part of the name under which something is called: `now` of `datetime.now`."""
    return str(getattr(function, "attr", getattr(function, "id", "")))


def in_package(package: str) -> list[Path]:
    return [path for path in SOURCES if name_of(path).startswith(f"{package}/")]


# --- who imports whom ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_import_only_what_stands_below_them(package: str) -> None:
    others = set(PACKAGES) - {package} - MAY_IMPORT[package]
    assert {name_of(path): roots(path) & others for path in in_package(package) if roots(path) & others} == {}


def test_the_core_imports_nothing_that_could_do_anything() -> None:
    allowed = CORE_MAY_IMPORT | {"edge_core"}
    assert {name_of(p): roots(p) - allowed for p in in_package("edge_core") if roots(p) - allowed} == {}


def test_the_core_asks_nobody_for_the_time_for_chance_or_for_a_file() -> None:
    called = {
        f"{name_of(path)}:{node.lineno} {ast.unparse(node.func)}"
        for path in in_package("edge_core")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and last_name(node.func) in IMPURE_CALLS
    }
    assert called == set()


def test_only_the_stores_know_a_database_driver() -> None:
    found = {name_of(path) for path in SOURCES if roots(path) & DRIVERS}
    assert {name for name in found if "/store/" not in name} == set()
    assert {name.partition("/")[0] for name in found} == {"edge_agent", "central_sync"}


def test_only_the_adapter_knows_the_mqtt_library() -> None:
    assert [name_of(path) for path in SOURCES if "paho" in roots(path)] == ["holdfast_runtime/mqtt.py"]


@pytest.mark.parametrize("package", LAYERS)
def test_within_a_shell_imports_go_one_way(package: str) -> None:
    rank = {part: level for level, names in enumerate(LAYERS[package]) for part in names.split()}
    for path in in_package(package):
        level = rank.get(path.relative_to(ROOT / package).parts[0].removesuffix(".py"))
        for module in imported(path):
            parts = module.split(".")
            if level is not None and parts[0] == package and len(parts) > 1 and parts[1] in rank:
                assert rank[parts[1]] <= level, f"{name_of(path)} imports {module}"


@pytest.mark.parametrize("package", ["edge_agent", "central_sync"])
def test_only_the_composition_root_builds_from_the_configuration(package: str) -> None:
    """Elsewhere a part is given what it needs: only these modules may see the configuration at all."""
    seen = {
        name_of(path).removeprefix(f"{package}/").removesuffix(".py")
        for path in in_package(package)
        if f"{package}.config" in imported(path)
    }
    shells = {"app", "cli", "service", "inspect", "commands", "backup_commands", "verify", "enrolment"}
    assert seen <= shells


# --- how things are written ------------------------------------------------------------------------------------------


def test_no_file_is_longer_than_it_may_be() -> None:
    sizes = {name_of(path): len(path.read_text().splitlines()) for path in EVERYTHING}
    assert {n: size for n, size in sizes.items() if size > LARGER_FILES.get(n, FILE_LINES_MAX)} == {}
    assert [name for name in LARGER_FILES if sizes.get(name, 0) <= FILE_LINES_MAX] == []


def test_no_function_is_longer_than_it_may_be() -> None:
    long = {
        f"{name_of(path)}:{function.line} {function.name}"
        for path in EVERYTHING
        for function in facts_of(path).functions
        if function.lines > FUNCTION_LINES_MAX
    }
    assert long == set()


def sleeps(tree: ast.AST) -> set[int]:
    """The lines that sleep. `asyncio.sleep(0)` only lets others run."""
    return {
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and last_name(node.func) == "sleep"
        and ast.unparse(node.func) in {"time.sleep", "asyncio.sleep", "sleep"}
        and ast.unparse(node.args[0]) != "0"
    }


def test_no_test_sleeps_but_between_two_looks_at_what_it_waits_for() -> None:
    sleeping = set()
    for path in (path for path in TESTS if "sleep" in path.read_text()):
        tree = tree_of(path)
        looking = {line for node in ast.walk(tree) if isinstance(node, ast.While) for line in sleeps(node)}
        sleeping |= {f"{name_of(path)}:{line}" for line in sleeps(tree) - looking if name_of(path) not in PACED}
    assert sleeping == set()


def test_an_exception_is_swallowed_only_at_the_outermost_layer_of_a_request() -> None:
    """A broad except elsewhere cleans up or carries the exception to whom it concerns: it raises, or hands it on."""
    swallowing = {
        name_of(path)
        for path in SOURCES
        if "except" in path.read_text()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"})
        and not any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
    }
    assert swallowing <= {"holdfast_runtime/http_server.py", "holdfast_runtime/mqtt.py"}


def test_tests_are_named_as_sentences() -> None:
    short = {
        f"{name_of(path)}: {function.name}"
        for path in TESTS
        for function in facts_of(path).functions
        if function.name.startswith("test_") and function.name.count("_") < 3
    }
    assert short == set()


def test_the_core_loads_without_the_shells_libraries() -> None:
    """Importing the whole core brings none of the I/O libraries with it."""
    heavy = {"paho", "starlette", "uvicorn", "aiosqlite", "asyncpg", "structlog", "httpx"}
    modules = {".".join(p.relative_to(ROOT).with_suffix("").parts) for p in in_package("edge_core")}
    program = f"import sys, importlib\nfor m in {sorted(modules)!r}: importlib.import_module(m)\nprint(*sys.modules)"
    import subprocess  # noqa: PLC0415 - only this test starts a process

    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert heavy & {name.partition(".")[0] for name in loaded.stdout.split()} == set()
