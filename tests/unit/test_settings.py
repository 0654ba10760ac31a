"""Settings are read once, and a wrong one says what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from dotenv import dotenv_values

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
    ("environ", "words"),
    [
        ({"IRONCLAW_PORT": "http"}, ("port", "integer", "IRONCLAW_PORT")),
        ({"IRONCLAW_PORT": "70000"}, ("port", "65535")),
        ({"IRONCLAW_PROT": "1"}, ("prot", "Did you mean port?")),
        ({"IRONCLAW_LOG_LEVEL": "loud"}, ("log_level", "'info'")),
        ({"IRONCLAW_WORKERS": "0"}, ("workers", "greater than or equal to 1")),
    ],
)
def test_a_bad_value_names_field_problem_and_remedy(
    tmp_path: Path, environ: dict[str, str], words: tuple[str, ...]
) -> None:
    """
    One line says which field, what is wrong, and how to mend it.
    """
    with pytest.raises(SettingsError) as caught:
        load(environ, tmp_path)

    assert [] == [word for word in words if word not in str(caught.value)]


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


def test_every_field_is_explained() -> None:
    """
    A setting without a sentence helps nobody.
    """
    fields = {**Settings.model_fields, **TenantSettings.model_fields}

    assert [] == [name for name, field in fields.items() if not field.description]
