"""Settings are read once, and a wrong one says what to do."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from dotenv import dotenv_values
from pydantic import ValidationError

from ironclaw.errors import SettingsError
from ironclaw.settings import PREFIX, WELL_KNOWN, Settings, TenantSettings, load

EXAMPLE = Path(__file__).parents[2] / ".env.example"


def test_environment_over_dotenv_over_toml(tmp_path: Path) -> None:
    """
    What is nearer to the process wins.
    """
    (tmp_path / "ironclaw.toml").write_text("port = 1\nworkers = 4\nmax_steps = 5\n")
    (tmp_path / ".env").write_text("IRONCLAW_PORT=2\nIRONCLAW_WORKERS=5\n")

    settings = load({"IRONCLAW_PORT": "3"}, tmp_path)

    assert (3, 5, 5) == (settings.port, settings.workers, settings.max_steps)


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"IRONCLAW_PORT": "abc"}, "IRONCLAW_PORT is 'abc'; it must be a whole number from 0 to 65535."),
        ({"IRONCLAW_PROT": "1"}, "IRONCLAW_PROT: there is no such setting. Did you mean IRONCLAW_PORT?"),
        (
            {"IRONCLAW_LOG_LEVEL": "loud"},
            "IRONCLAW_LOG_LEVEL is 'loud'; it must be one of debug, info, warning, error.",
        ),
        ({"IRONCLAW_MAX_SECONDS": "0"}, "IRONCLAW_MAX_SECONDS is '0'; it must be a number above 0."),
        ({"IRONCLAW_MAX_TOKENS": "0"}, "IRONCLAW_MAX_TOKENS is '0'; it must be a whole number, at least 1."),
    ],
)
def test_a_bad_value(tmp_path: Path, environ: dict[str, str], sentence: str) -> None:
    """
    One line says which variable, what it holds, and what it must be.
    """
    with pytest.raises(SettingsError) as caught:
        load(environ, tmp_path)

    assert sentence == str(caught.value)


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        ("port = -1", "port in ironclaw.toml is -1; it must be a whole number from 0 to 65535."),
        (
            "[tenants.acme]\nslak = []",
            "tenants.acme.slak in ironclaw.toml: there is no such setting. Did you mean slack?",
        ),
        (
            "[tenants.acme]\napproval_minutes = 0",
            "tenants.acme.approval_minutes in ironclaw.toml is 0; "
            "it must be a number above 0, at most 43200.",
        ),
        ("slack_bot_token = 5", "slack_bot_token in ironclaw.toml does not fit; it must be text."),
        (
            '[tenants.acme]\n[mcp_servers.x]\ncommand = "/bin/x"\ntenants = ["acmee"]',
            "mcp_servers in ironclaw.toml: x.tenants: there is no tenant acmee. There are: acme.",
        ),
        (
            '[mcp_servers.x]\ncomand = "/bin/x"',
            "mcp_servers.x.comand in ironclaw.toml: there is no such setting. Did you mean command?",
        ),
        (
            '[prices."m"]\ninput = 1',
            "prices.m.output in ironclaw.toml is missing; it must be a number from 0 to 1000000.",
        ),
        (
            "[tenants.acme]\nport = 3000",
            "tenants.acme.port in ironclaw.toml: there is no such setting. "
            "It is for all: write it above the first [table].",
        ),
        (
            'zone = "Europe/Berlin"',
            "zone in ironclaw.toml: there is no such setting. "
            "It is a tenant's: write it into a table [tenants.NAME] of ironclaw.toml.",
        ),
        (
            'SLACK_APP_TOKEN = "x"',
            "SLACK_APP_TOKEN in ironclaw.toml: there is no such setting. Did you mean slack_app_token?",
        ),
    ],
)
def test_a_bad_value_in_toml(tmp_path: Path, toml: str, sentence: str) -> None:
    """
    The same of ironclaw.toml, tables included; what a secret holds is not said.
    """
    (tmp_path / "ironclaw.toml").write_text(toml)
    with pytest.raises(SettingsError) as caught:
        load({}, tmp_path)

    assert sentence == str(caught.value)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"A=1\n\n\nB='open\n", ".env: line 4 cannot be read. Write NAME=value."),
        (b"A=1\nSLACK_BOT_TOKEN\n", ".env: line 2 cannot be read. Write NAME=value."),
        (b"A=\xff\n", ".env: it is not UTF-8. Save it as UTF-8."),
        (
            b"# c\n\nSLACK_SIGNING_SECRT=x\n",
            ".env: line 3: there is no setting SLACK_SIGNING_SECRT. Did you mean SLACK_SIGNING_SECRET?",
        ),
        (b"IRONCLAW_PORT=x\n", "IRONCLAW_PORT in .env is 'x'; it must be a whole number from 0 to 65535."),
    ],
)
def test_a_bad_dotenv(tmp_path: Path, content: bytes, sentence: str) -> None:
    """
    A line of .env that sets nothing is an error that names the line, and nothing of what it holds.
    """
    (tmp_path / ".env").write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        load({}, tmp_path)

    assert sentence == str(caught.value)


def test_dotenv_that_is_no_file(tmp_path: Path) -> None:
    """
    What cannot be read at all is a sentence too.
    """
    (tmp_path / ".env").mkdir()

    with pytest.raises(SettingsError, match=r"\.env: cannot be read: Is a directory\. Make it a file"):
        load({}, tmp_path)


def test_somebody_elses_variables(tmp_path: Path) -> None:
    """
    .env may hold what other programs read.
    """
    (tmp_path / ".env").write_text("OPENAI_ORG_ID=o\nexport DEBUG=1\nSLACK_CLIENT_SECRET=s\nEMPTY=\n")

    assert Settings() == load({}, tmp_path)


def test_a_token_in_the_wrong_place(tmp_path: Path) -> None:
    """
    What looks like a token is not repeated, whatever setting it was given to.
    """
    token = "-".join(("xoxb", "12345"))
    with pytest.raises(SettingsError) as caught:
        load({"IRONCLAW_PORT": token}, tmp_path)

    assert "IRONCLAW_PORT does not fit; it must be a whole number from 0 to 65535." == str(caught.value)


def test_approvers(tmp_path: Path) -> None:
    """
    Whoever a door can name may be an approver; in a tenant's table a Slack user needs the workspace.
    """
    names = ("slack:T1:U1", "jwt:https://issuer.test|bo", "local:bo")
    settings = load({"IRONCLAW_APPROVERS": ", ".join(["U1", "W2", *names])}, tmp_path)

    assert ("U1", "W2", *names) == settings.approvers
    assert ("local:bo",) == settings.local_approvers
    assert names == TenantSettings(approvers=names).approvers
    for name in ("bo", "@bo", "slack:U1", "local:", "jwt:bo"):
        with pytest.raises(SettingsError, match=f"'{name}' names nobody"):
            load({"IRONCLAW_APPROVERS": name}, tmp_path)
    with pytest.raises(ValidationError, match="'U1' names nobody"):
        TenantSettings(approvers=("U1",))


def test_a_bad_tenant_is_refused(tmp_path: Path) -> None:
    """
    A tenant's id names folders: it holds no dot and no slash, and its table no unknown key.
    """
    for toml in ('[tenants."../x"]\n', "[tenants.a]\napprover = []\n"):
        (tmp_path / "ironclaw.toml").write_text(toml)
        with pytest.raises(SettingsError, match="tenants"):
            load({}, tmp_path)


def test_a_wrong_secret_is_not_repeated(tmp_path: Path) -> None:
    """
    Neither repr nor an error shows a secret.
    """
    secret = "xoxb-" + "very-secret"
    settings = load({"SLACK_BOT_TOKEN": secret, "IRONCLAW_APPROVERS": "U1, U2"}, tmp_path)

    assert secret not in repr(settings)
    assert ("U1", "U2") == settings.approvers


def test_the_example_is_complete_and_harmless(tmp_path: Path) -> None:
    """
    Every setting is in .env.example, with its default, and the file as it stands holds no secret.
    """
    text = EXAMPLE.read_text()
    names = re.findall(r"\b[A-Z][A-Z_]{4,}\b", text)
    named = {WELL_KNOWN.get(name, name.removeprefix(PREFIX).lower()) for name in names}
    shown = dict(re.findall(r"^# (IRONCLAW_[A-Z_]+)=(.*)$", text, re.MULTILINE))

    assert set() == set(Settings.model_fields) - named
    assert load({}, tmp_path) == load({k: v for k, v in dotenv_values(EXAMPLE).items() if v}, tmp_path)
    no_default = ("IRONCLAW_BRAIN_SCRIPT", "IRONCLAW_JWT_JWKS", "IRONCLAW_HTTP_ALLOW")
    assert Settings() == load({k: v for k, v in shown.items() if v and k not in no_default}, tmp_path)


def test_the_example_of_a_tenant() -> None:
    """
    The example's table of a tenant has every key there is, and holds.
    """
    lines = EXAMPLE.read_text().partition("# [tenants.acme]")
    table = re.findall(r"^# ((?:\[tenants\.|[a-z_]+ = ).*)$", "".join(lines[1:]), re.MULTILINE)
    acme = tomllib.loads("\n".join(table))["tenants"]["acme"]

    assert set(TenantSettings.model_fields) == set(acme)
    assert TenantSettings.model_validate(acme).people


def test_every_field_is_explained() -> None:
    """
    A setting without a sentence helps nobody.
    """
    fields = {**Settings.model_fields, **TenantSettings.model_fields}

    assert [] == [name for name, field in fields.items() if not field.description]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"port = \n", "ironclaw.toml: Invalid value (at line 1, column 8)."),
        (b"\xff", "ironclaw.toml: 'utf-8' codec"),
    ],
)
def test_a_bad_toml(tmp_path: Path, content: bytes, words: str) -> None:
    """
    What is wrong in ironclaw.toml is told with its place.
    """
    (tmp_path / "ironclaw.toml").write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        load({}, tmp_path)

    assert str(caught.value).startswith(words)


def _paths() -> list[str]:
    """Settings that are a path, set or not."""
    known = {name: field.annotation for name, field in Settings.model_fields.items()}
    return [name for name, kind in known.items() if kind in (Path, Path | None)]


@pytest.mark.parametrize("name", _paths())
def test_an_empty_path(tmp_path: Path, name: str) -> None:
    """
    An empty variable is one that is not set, never the working folder.
    """
    loaded = load({PREFIX + name.upper(): " "}, tmp_path)

    assert Settings.model_fields[name].default == getattr(loaded, name)


def test_an_empty_policy_of_a_tenant() -> None:
    """
    Neither is it for a tenant.
    """
    assert TenantSettings.model_validate({"policy_file": ""}).policy_file is None


@pytest.mark.parametrize(
    ("lines", "tenant"), [("", "local"), ('slack_bot_token = "x"\n[tenants.acme]\n', "T01")]
)
def test_a_server_of_a_tenant_without_a_table(tmp_path: Path, lines: str, tenant: str) -> None:
    """
    A server's tools may be the bot's own workspace's, or the command line's, which no table names.
    """
    server = f'[mcp_servers.x]\ncommand = "/bin/x"\ntenants = ["{tenant}"]\n'
    (tmp_path / "ironclaw.toml").write_text(lines + server)

    assert (tenant,) == load({}, tmp_path).mcp_servers["x"].tenants
