"""Bearer tokens: seen once, kept as digests, checked quickly, taken away within a second."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from edge_core.limits import TOKENS_MAX
from holdfast_runtime.config import ConfigError
from holdfast_runtime.problems import ProblemRaised
from holdfast_runtime.tokens import TokenCheck, TokenFile, TokenRefused


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tokens.json"


def bearer(token: str) -> bytes:
    return b"Bearer " + token.encode()


def refusal(check: TokenCheck, header: bytes | None) -> str:
    with pytest.raises(ProblemRaised) as caught:
        check.authorize(header, "order")
    return caught.value.rejected.slug


def test_an_added_token_names_its_bearer_for_its_scopes_only(path: Path) -> None:
    token = TokenFile(path).add("till-1", ["order", "read"])
    check = TokenCheck(path)
    assert check.authorize(bearer(token), "order") == "till-1"
    assert check.authorize(b"bEARER " + token.encode(), "read") == "till-1"
    with pytest.raises(ProblemRaised) as caught:
        check.authorize(bearer(token), "stock")
    assert caught.value.rejected.slug == "scope-missing"
    assert caught.value.rejected.allowed == ("order", "read")


@pytest.mark.parametrize("header", [None, b"", b"Bearer", b"Basic hf_x"])
def test_a_header_without_a_bearer_token_is_told_so(path: Path, header: bytes | None) -> None:
    assert refusal(TokenCheck(path), header) == "token-missing"


@pytest.mark.parametrize("header", [b"Bearer ", b"Bearer hf_x", b"Bearer \xff\x00", b"Bearer " + b"a" * 10_000])
def test_a_foreign_token_is_unknown(path: Path, header: bytes) -> None:
    TokenFile(path).add("till-1", ["order"])
    assert refusal(TokenCheck(path), header) == "token-unknown"


def test_the_file_never_holds_the_token_and_is_for_its_owner_alone(path: Path) -> None:
    token = TokenFile(path).add("till-1", ["order"])
    assert token.startswith("hf_")
    assert len(token) == 3 + 43  # 256 bits in base64url
    assert token[3:] not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_tokens_are_listed_without_what_they_are_made_of(path: Path) -> None:
    file = TokenFile(path)
    assert file.entries() == ()
    file.add("b", ["read", "read"])
    file.add("a", ["order"])
    assert [(entry.name, entry.scopes) for entry in file.entries()] == [("b", ("read",)), ("a", ("order",))]


def test_a_removed_token_is_refused_within_a_second_and_the_others_stay(path: Path) -> None:
    file, clock = TokenFile(path), Clock()
    gone, stays = file.add("gone", ["order"]), file.add("stays", ["order"])
    check = TokenCheck(path, clock)
    file.remove("gone")
    assert check.authorize(bearer(gone), "order") == "gone"
    clock.now += 1
    assert refusal(check, bearer(gone)) == "token-unknown"
    assert check.authorize(bearer(stays), "order") == "stays"


def test_a_token_that_was_added_just_now_is_known_at_once(path: Path) -> None:
    check = TokenCheck(path, Clock())
    assert check.authorize(bearer(TokenFile(path).add("new", ["order"])), "order") == "new"


def test_a_known_token_looks_at_the_file_once_a_second(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token, clock = TokenFile(path).add("till", ["order"]), Clock()
    check = TokenCheck(path, clock)
    looks: list[int] = []
    look = check._look

    def counted() -> tuple[int, int, int] | None:
        looks.append(1)
        return look()

    monkeypatch.setattr(check, "_look", counted)
    for _ in range(50):
        check.authorize(bearer(token), "order")
        clock.now += 0.1
    assert 4 <= len(looks) <= 5


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"tokens": [{"name": "a"}]}', b'{"tokens": [], "x": 1}', b'{"tokens": ["' + b"\xff" + b'"]}'],
)
def test_a_malformed_file_stops_the_start_but_not_a_running_service(path: Path, content: bytes) -> None:
    token, clock = TokenFile(path).add("till", ["order"]), Clock()
    check = TokenCheck(path, clock)
    path.write_bytes(content)
    clock.now += 1
    with capture_logs() as logs:
        assert check.authorize(bearer(token), "order") == "till"
    assert [entry["event"] for entry in logs] == ["tokens_unreadable"]
    with pytest.raises(ConfigError, match=r"tokens\.json"):
        TokenCheck(path)
    with pytest.raises(ConfigError, match=r"tokens\.json"):
        TokenFile(path).add("other", ["order"])
    assert path.read_bytes() == content


@pytest.mark.parametrize(("name", "scopes"), [("", ["read"]), ("a" * 65, ["read"]), ("a\n", ["read"]), ("b", [])])
def test_a_name_or_scope_that_is_not_usable_is_refused(path: Path, name: str, scopes: list[str]) -> None:
    with pytest.raises(TokenRefused):
        TokenFile(path).add(name, scopes)  # type: ignore[arg-type]
    assert not path.exists()


def test_a_name_is_given_once_and_an_unknown_one_cannot_be_removed(path: Path) -> None:
    file = TokenFile(path)
    file.add("till", ["read"])
    with pytest.raises(TokenRefused, match="exists already"):
        file.add("till", ["read"])
    with pytest.raises(TokenRefused, match="no token named"):
        file.remove("tull")
    with pytest.raises(TokenRefused, match="admin"):
        file.add("x", ["admin"])  # type: ignore[list-item]


def test_the_number_of_tokens_is_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast_runtime.tokens.TOKENS_MAX", 2)
    file = TokenFile(path)
    file.add("a", ["read"])
    file.add("b", ["read"])
    with pytest.raises(TokenRefused, match="2 tokens"):
        file.add("c", ["read"])
    assert TOKENS_MAX >= 100


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="absent"):
        TokenFile(tmp_path / "absent" / "tokens.json").add("a", ["read"])
