"""What the doctor says: what is the case, in one line each, and one line upon all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.cases._supply_world import World

from ironclaw.egress import bind
from ironclaw.secrets import Keyring, Vault
from ironclaw.settings import Settings, TenantSettings
from ironclaw.store import Store
from ironclaw_bot.doctor import Finding, examine, verdict

BOT, APP = "-".join(("xoxb", "1")), "-".join(("xapp", "1"))


async def lines(folder: Path, **settings: Any) -> str:
    """All that is said, with a data folder that is in order."""
    own = {"data_dir": folder / "data", "key_file": folder / "key"}
    found = await examine(Settings.model_validate({**own, **settings}))
    return "\n".join(map(str, found))


async def keep(settings: Settings, tenant: str) -> None:
    """A secret named key."""
    store = await Store.open(settings.data_dir / "ironclaw.db")
    vault = await Vault.open(store, Keyring(settings), lambda: 1.0)
    await vault.put(tenant, "key", "hush" + "hush", bind("api.test", ("GET",), "/", "X-Key", ""), "me")
    await store.close()


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({}, "note no door takes tasks: neither Slack nor JWT is configured"),
        ({}, "note nobody may approve yet: every high-risk call will expire"),
        ({"approvers": "U1"}, "ok   somebody may approve"),
        ({"slack_bot_token": APP, "slack_app_token": BOT}, "FAIL SLACK_BOT_TOKEN is no bot token"),
        ({"slack_bot_token": BOT, "slack_app_token": BOT}, "FAIL SLACK_APP_TOKEN is no app-level token"),
        ({"slack_bot_token": BOT}, "FAIL Slack cannot reach the bot"),
        ({"slack_bot_token": BOT, "slack_app_token": APP}, "ok   Slack by Socket Mode"),
        ({"slack_bot_token": BOT, "slack_app_token": APP}, "ok   a door takes tasks"),
        ({"jwt_issuer": "https://i.test"}, "FAIL JWT has no keys to check tokens with"),
        ({"jwt_issuer": "https://i.test", "jwt_jwks": __file__}, "note no tenant takes tokens"),
        ({"data_dir": "/proc/x"}, "FAIL data_dir: /proc/x cannot be used: No such file or directory"),
        ({"brain": "opnai"}, "FAIL brain: no plugin offers 'opnai'. Offered: commands, openai, script."),
        ({"plugins": "leak_gard"}, "FAIL plugins: no installed plugin is called 'leak_gard'. Did you mean"),
        ({"prompt_file": "none.md"}, "FAIL prompt_file: none.md cannot be read: No such file or directory."),
        ({"jwt_issuer": "https://i.test", "jwt_jwks": __file__}, "FAIL jwt_jwks: not a usable JWKS file"),
        ({"policy_file": "none.cedar"}, "FAIL policy_file: none.cedar: cannot be read: No such file or dir"),
    ],
)
async def test_lines(tmp_path: Path, settings: dict[str, Any], line: str) -> None:
    """
    Each line says what is the case, the bad as well as the good.
    """
    assert line in await lines(tmp_path, **settings)


async def test_secrets_are_opened(tmp_path: Path) -> None:
    """
    The doctor tries the key on each secret: whoever lost it hears so before the start does.
    """
    own = Settings.model_validate({"data_dir": tmp_path / "data", "key_file": tmp_path / "key"})
    await keep(own, "T1")
    before = await lines(tmp_path)
    (tmp_path / "key").unlink()

    assert "ok   the secrets' key opens all that are kept: 1" in before
    assert "FAIL The secret key of tenant T1 is sealed with a key that is not here" in await lines(tmp_path)


async def test_secrets_that_tools_need(tmp_path: Path) -> None:
    """
    A tenant without a secret that a tool uses is noted; one that has it is not.
    """
    world = World(tmp_path)
    await world.add(world.box(more='secrets = ["key"]\nhttp = [{ host = "api.test" }]'))
    own = world.settings.model_copy(update={"tenants": {name: TenantSettings() for name in ("T1", "T2")}})
    await keep(own, "T1")

    notes = [each.what for each in await examine(own) if each.mark == "note"]
    assert ["the tenant T2 has no secret key, which notes.add uses"] == [n for n in notes if "secret" in n]


async def test_tokens_are_not_said(tmp_path: Path) -> None:
    """
    A token in the wrong place is not repeated.
    """
    secret = "-".join(("xapp", "hush"))

    assert "hush" not in await lines(tmp_path, slack_bot_token=secret)


@pytest.mark.parametrize(
    ("findings", "line"),
    [
        ([Finding("a")], "All well."),
        ([Finding("a"), Finding("b", False)], "Nothing to mend; 1 note above."),
        ([Finding("a", False, "", True), Finding("b", False)], "1 thing to mend."),
        ([Finding("a", False, "", True), Finding("b", False, "", True)], "2 things to mend."),
    ],
)
def test_verdict(findings: list[Finding], line: str) -> None:
    """
    The last line says whether there is anything to do.
    """
    assert line == verdict(findings)
