"""Says what works here and what does not, and what to do about it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ironclaw.app.scratch import check_folder
from ironclaw.app.unopened import check_plugins
from ironclaw.errors import IronclawError, SettingsError
from ironclaw.keys import load_key
from ironclaw.sandbox import layers
from ironclaw.secrets import Keyring, check_all, check_key
from ironclaw.settings import Settings
from ironclaw.store import FOLDER, KEY, answers, belongings_in, kept_in
from ironclaw_bot.authoring.showing import everything
from ironclaw_bot.finding import Finding, broken, noted
from ironclaw_bot.mcp_standing import standing
from ironclaw_bot.model_standing import brain, models
from ironclaw_bot.policy import noting
from ironclaw_plugins.policy_cedar import Library


def verdict(findings: Sequence[Finding]) -> str:
    """One line upon all of them."""
    broken = sum(each.is_fatal for each in findings)
    notes = sum(not each.is_well and not each.is_fatal for each in findings)
    if broken:
        return f"{broken} {'thing' if broken == 1 else 'things'} to mend."
    return f"Nothing to mend; {notes} {'note' if notes == 1 else 'notes'} above." if notes else "All well."


async def examine(settings: Settings) -> list[Finding]:
    """Look at everything that can be looked at without a network."""
    known = belongings_in(_path(settings), settings.postgres)
    key, folder = _key(settings, known.get(KEY, "")), _scratch(settings, known.get(FOLDER, ""))
    here = (_python(settings), key, _data(settings), _database(settings), folder)
    checks = (_tools, _policy, _slack, _jwt, _doors, brain, _memory, _approvers)
    groups = (models, _rules, _left_out, *((_secrets,) if key.is_well else ()), _layers)
    found = (*here, *(check(settings) for check in checks))
    # Of what no check above knows, the start's own words.
    found = found if any(each.is_fatal for each in found) else (*found, _plugins(settings))
    return [*found, *(each for group in groups for each in group(settings)), *await _mcp(settings)]


def _python(settings: Settings) -> Finding:
    what = f"Python {sys.version.split()[0]}"
    return Finding(what) if sys.version_info >= (3, 11) else broken(what, "IronClaw needs 3.11 or newer.")


def _tried(what: str, attempt: Callable[[], object]) -> Finding:
    try:
        attempt()
    except IronclawError as error:
        return broken(str(error))
    return Finding(what)


def _key(settings: Settings, known: str) -> Finding:
    def attempt() -> None:
        check_key(settings, known)
        load_key(settings.key_file)

    return _tried("the host key is readable by its owner alone, and the database's", attempt)


def _data(settings: Settings) -> Finding:
    folder = settings.data_dir
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        mode = folder.stat().st_mode
    except OSError as error:
        return broken(f"data_dir: {folder} cannot be used: {error.strerror}", "Set another data_dir.")
    if not os.access(folder, os.W_OK):
        return broken(f"data_dir: nothing can be written to {folder}", "Set another data_dir.")
    if mode & 0o077:
        return broken(f"data_dir: others can look into {folder}", f"Run chmod 700 {folder}.")
    return Finding("the data folder is ours alone")


def _path(settings: Settings) -> Path:
    return settings.data_dir / "ironclaw.db"


def _database(settings: Settings) -> Finding:
    try:
        return Finding(f"the database is {answers(_path(settings), settings.postgres)}")
    except IronclawError as error:
        return broken(str(error))


def _scratch(settings: Settings, known: str) -> Finding:
    if settings.postgres and not settings.scratch_dir:
        return broken("scratch_dir is not set, and others share the database", "Set it: docs/operate.md.")
    where = settings.scratch_dir or "data_dir"
    return _tried(f"the tenants' files are in {where}", lambda: check_folder(settings, known))


def _tools(settings: Settings) -> Finding:
    return _tried("toolboxes match their manifests and signatures", lambda: everything(settings))


def _left_out(settings: Settings) -> list[Finding]:
    """Toolboxes that were added and whose signature does not count; what else is wrong, _tools says."""
    try:
        found = everything(settings).left_out
    except IronclawError:
        return []
    return [noted(f"the toolbox {each}", "Its tools are not there.") for each in found]


async def _mcp(settings: Settings) -> list[Finding]:
    """Whether tools of MCP servers are there, as a bot that runs says, and else that it is not known."""
    try:
        return await standing(settings)
    except IronclawError as error:
        return [broken(str(error))]


def _plugins(settings: Settings) -> Finding:
    return _tried("the plugins and the brain can be built", lambda: check_plugins(settings))


def _policy(settings: Settings) -> Finding:
    try:
        Library.read(settings)
    except SettingsError as error:
        return broken(str(error), "A bot that runs goes on with the policy it has.")
    return Finding("policy is valid")


def _rules(settings: Settings) -> list[Finding]:
    """Rules about what nobody has; that policy or toolboxes are not valid, others say."""
    try:
        library, tools = Library.read(settings), {tool.name for tool in everything(settings).tools}
    except IronclawError:
        return []
    notes = (
        *noting.about_tools(library.rules, tools),
        *noting.about_groups(library.rules, settings),
        *noting.about_tenants(library, settings),
    )
    return [noted(note) for note in notes]


def _slack(settings: Settings) -> Finding:
    bot, app = settings.slack_bot_token, settings.slack_app_token
    if not bot:
        return Finding("Slack is off")
    if not bot.get_secret_value().startswith("xoxb-"):
        return broken("SLACK_BOT_TOKEN is no bot token", "Set the one that begins with xoxb-.")
    if app and not app.get_secret_value().startswith("xapp-"):
        return broken("SLACK_APP_TOKEN is no app-level token", "Set the one that begins with xapp-.")
    if not app and not settings.slack_signing_secret:
        return broken("Slack cannot reach the bot", "Set SLACK_APP_TOKEN or SLACK_SIGNING_SECRET.")
    return Finding(f"Slack by {'Socket Mode' if app else 'events over HTTP'}")


def _jwt(settings: Settings) -> Finding:
    if not settings.jwt_issuer:
        return Finding("JWT is off")
    if settings.jwt_jwks is None or not settings.jwt_jwks.exists():
        return broken("JWT has no keys to check tokens with", "Set IRONCLAW_JWT_JWKS to a JWKS file.")
    if not any(tenant.jwt for tenant in settings.tenants.values()):
        return noted("no tenant takes tokens", "Set jwt = true in a [tenants.NAME] table of ironclaw.toml.")
    return Finding(f"JWT by {settings.jwt_issuer}")


def _doors(settings: Settings) -> Finding:
    if settings.slack_bot_token or settings.jwt_issuer:
        return Finding("a door takes tasks")
    return noted(
        "no door takes tasks: neither Slack nor JWT is configured",
        "Set SLACK_BOT_TOKEN or IRONCLAW_JWT_ISSUER; `ironclaw run` and `ironclaw demo` need neither.",
    )


def _memory(settings: Settings) -> Finding:
    if "memory_qdrant" not in settings.plugins:
        return Finding("memory is off: memory_qdrant is not among the plugins")
    how = f"by words and by {settings.embeddings_model}" if settings.embeddings_model else "lexical: by words"
    return Finding(f"memory is {how}, in {'a Qdrant server' if settings.qdrant_url else 'data_dir'}")


def _approvers(settings: Settings) -> Finding:
    if settings.approvers or any(tenant.approvers for tenant in settings.tenants.values()):
        return Finding("somebody may approve")
    return noted("nobody may approve yet: every high-risk call will expire", "Set IRONCLAW_APPROVERS.")


def _layers(settings: Settings) -> list[Finding]:
    return [
        Finding(f"sandbox layer {name}") if holds else _missing_layer(name, settings)
        for name, holds in layers().items()
    ]


def _secrets(settings: Settings) -> list[Finding]:
    """Whether what is kept can be opened, and whether each tenant has what the tools ask for."""
    try:
        keyring, (tenants, rows) = Keyring(settings), kept_in(_path(settings), settings.postgres)
    except IronclawError as error:
        return [broken(str(error))]
    sealed = _tried(
        f"the secrets' key opens all that are kept: {len(rows)}", lambda: check_all(keyring, rows)
    )
    there = {(row.tenant, row.name) for row in rows}
    return [sealed, *(_missing(*each) for each in _needed(settings, tenants) if each[:2] not in there)]


def _needed(settings: Settings, tenants: frozenset[str]) -> list[tuple[str, str, str]]:
    """Tenant, secret, and a tool that is given it."""
    try:
        tools = everything(settings).tools
    except IronclawError:
        return []  # _tools has said it.
    uses = {name: tool.name for tool in tools for name in tool.capabilities.secrets}
    own = frozenset(settings.tenants) or tenants
    return [(tenant, name, uses[name]) for tenant in sorted(own) for name in sorted(uses)]


def _missing(tenant: str, name: str, tool: str) -> Finding:
    return noted(
        f"the tenant {tenant} has no secret {name}, which {tool} uses",
        f"Where that is wanted: ironclaw secrets set {name} --tenant {tenant} --host HOST",
    )


def _missing_layer(name: str, settings: Settings) -> Finding:
    if settings.sandbox_layers == "require":
        return broken(
            f"sandbox layer {name}: missing here", 'Nothing starts, unless sandbox_layers = "warn".'
        )
    return noted(f"sandbox layer {name}: missing here; the other layers still hold")
