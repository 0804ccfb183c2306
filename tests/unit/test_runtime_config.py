"""Configuration: every mistake is told with its key, its source and what would have been right."""

from pathlib import Path
from typing import Annotated

import pytest
from msgspec import Meta, Struct

from holdfast_runtime.config import ConfigError, config_errors_exit, load_config


class Broker(Struct, frozen=True, forbid_unknown_fields=True):
    url: str
    keep_alive_s: Annotated[int, Meta(ge=1)] = 20
    ca_file: Path | None = None
    hosts: tuple[str, ...] = ()
    secure: bool = False

    def __post_init__(self) -> None:
        if not self.url.startswith(("mqtt://", "mqtts://")):
            raise ValueError("Expected a url of mqtt:// or mqtts://")


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    broker: Broker
    name: str = "store"


def load(tmp_path: Path, text: str, **environ: str) -> Settings:
    path = tmp_path / "agent.toml"
    path.write_text(text)
    return load_config(Settings, path=path, env_prefix="AGENT", environ=environ)


def refused(tmp_path: Path, text: str, **environ: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text, **environ)
    return caught.value


GOOD = '[broker]\nurl = "mqtt://b:1883"\nca_file = "ca.pem"\n'


def test_a_file_becomes_the_typed_struct_with_its_defaults(tmp_path: Path) -> None:
    assert load(tmp_path, GOOD) == Settings(broker=Broker(url="mqtt://b:1883", ca_file=Path("ca.pem")))


def test_the_environment_overrides_the_file_and_takes_the_type_of_the_field(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        GOOD,
        AGENT__BROKER__KEEP_ALIVE_S="7",
        AGENT__BROKER__SECURE="true",
        AGENT__BROKER__HOSTS="a, b",
        AGENT__BROKER__CA_FILE="/etc/ca",
        AGENT__NAME="12",
        AGENTX__NAME="not ours",
    )
    assert settings.broker == Broker("mqtt://b:1883", 7, Path("/etc/ca"), ("a", "b"), True)
    assert settings.name == "12"


def test_without_a_file_the_environment_alone_is_enough() -> None:
    environ = {"AGENT__BROKER__URL": "mqtt://x"}
    assert load_config(Settings, path=None, env_prefix="AGENT", environ=environ).broker.url == "mqtt://x"


def test_a_wrong_type_names_the_key_the_file_and_both_sides(tmp_path: Path) -> None:
    error = refused(tmp_path, GOOD + 'keep_alive_s = "soon"\n')
    assert error.key == "broker.keep_alive_s"
    assert str(tmp_path / "agent.toml") in error.source
    assert "`int`" in error.expected
    assert "'soon'" in str(error)


@pytest.mark.parametrize("text", ["x", "0"])
def test_a_wrong_variable_is_named_itself(tmp_path: Path, text: str) -> None:
    error = refused(tmp_path, GOOD, AGENT__BROKER__KEEP_ALIVE_S=text)
    assert (error.key, error.source) == ("broker.keep_alive_s", "environment variable AGENT__BROKER__KEEP_ALIVE_S")
    assert repr(text) in str(error)


def test_an_unknown_key_is_refused_with_the_nearest_one(tmp_path: Path) -> None:
    error = refused(tmp_path, GOOD + 'ca_fil = "x"\n')
    assert error.key == "broker.ca_fil"
    assert "did you mean broker.ca_file?" in str(error)


def test_an_unknown_variable_under_the_prefix_is_refused_with_the_nearest_one(tmp_path: Path) -> None:
    error = refused(tmp_path, GOOD, AGENT__BROKR__URL="mqtt://x")
    assert error.source == "environment variable AGENT__BROKR__URL"
    assert "did you mean broker?" in str(error)


@pytest.mark.parametrize(("variable", "key"), [("AGENT__BROKER", "broker"), ("AGENT__NAME__X", "name.x")])
def test_a_variable_must_name_exactly_one_value(tmp_path: Path, variable: str, key: str) -> None:
    assert refused(tmp_path, GOOD, **{variable: "1"}).key == key


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    assert refused(tmp_path, "[broker]\nsecure = true\n").key == "broker.url"
    assert refused(tmp_path, "").key == "broker"


def test_a_scalar_where_a_table_belongs_is_an_error_also_for_the_override(tmp_path: Path) -> None:
    assert refused(tmp_path, "broker = 5").key == "broker"
    assert refused(tmp_path, "broker = 5", AGENT__BROKER__URL="mqtt://x").key == "broker"


def test_a_rule_of_the_struct_itself_is_attributed_to_its_table(tmp_path: Path) -> None:
    error = refused(tmp_path, '[broker]\nurl = "http://x"\n')
    assert error.key == "broker"
    assert "mqtt://" in error.expected


def test_broken_toml_names_the_file_and_the_line(tmp_path: Path) -> None:
    error = refused(tmp_path, "name = 'a'\nbroker = = 1\n")
    assert "line 2" in str(error)
    assert "agent.toml" in str(error)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_an_unreadable_file_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "gone.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"gone\.toml"):
        load_config(Settings, path=path, env_prefix="AGENT", environ={})
    with pytest.raises(ConfigError, match=str(tmp_path)):
        load_config(Settings, path=tmp_path, env_prefix="AGENT", environ={})


def test_a_value_that_could_hold_a_password_is_not_shown(tmp_path: Path) -> None:
    assert "secret" not in str(refused(tmp_path, GOOD, AGENT__BROKER__KEEP_ALIVE_S="u:secret@h"))


def test_the_command_line_exits_with_two_and_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught, config_errors_exit():
        raise ConfigError("broker.url", "file x", "expected a value, found none")
    assert caught.value.code == 2
    assert capsys.readouterr().err == "configuration error: broker.url: expected a value, found none (from file x)\n"
