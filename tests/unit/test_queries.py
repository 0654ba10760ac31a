"""One file reads tenants' rows, one package their vectors; each statement says whose, or why it need not."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ironclaw.store.tenants import EMPTIED

ROOT = Path(__file__).parents[2]
QUERIES = ROOT / "runtime" / "ironclaw" / "store" / "queries.sql"
SOURCES = ("runtime", "bot", "plugins")
TENANTS = {*EMPTIED, "tenant_receipts", "audit", "tenants"}
#: 128 random bits each, never told to another tenant; a unit that takes one from a door reads the row first
#: and raises NotFound where it is another tenant's.
IDS = {"id", "workflow_id", "approval_id", "doubt_id", "card", "subject"}
#: Statements of the host's own chores, which no door can ask for, and why each is about everybody.
EVERYBODY = {
    "tenants": "who was ever here",
    "tenant_states": "who is served",
    "forget_installations": "the map of workspaces is made anew from the settings",
    "delivered_workflow": "the source of a delivery names its tenant, or the workspace does",
    "forget_deliveries": "what is too old to come again",
    "open_workflows": "what the dispatcher takes up",
    "open_tenants": "whose jobs are to be listened for",
    "idle_workflows": "what nobody works on",
    "executing_calls": "what a crash may have left",
    "let_leases_go": "of a process that stops",
    "due_approvals": "what expires",
    "due_reviews": "what expires and cannot be read",
    "due_questions": "what expires",
    "to_remind": "what expires soon",
    "questions_to_remind": "so too, of questions",
    "to_escalate": "what others are asked",
    "group_members": "held against what Slack says of one tenant's group",
    "outlook": "which tenant has something to be told at a door",
    "free_notices": "of earlier lives of the process",
    "let_notices_go": "of a process that stops",
    "all_notices_due": "a clock that went back",
    "audit_tenants": "the verifier walks every chain",
    "audit_heads": "checkpoints are of every chain",
    "last_events": "the newest time that a restore finds",
    "orphan_workflows": "the verifier counts what has no log",
    "secrets": "what is hidden in logs, and sealed anew by a rotation",
    "due_schedules": "what begins now; each is begun as its own tenant's",
    "every_open_doubt": "a restore asks each again",
    "every_open_question": "a restore ends them",
    "every_pending_approval": "a restore ends them",
    "unsettled_calls": "a restore interrupts them",
    "void_grants": "a restore ends them",
    "notices_uncertain": "a restore does not know what was told",
    "active_schedules": "a restore skips their slots",
    "free_leases": "a restore frees them",
    "spend_steps": "codes used before a restore are used",
    "end_grants": "whose time is over",
    "mcp_decisions": "whether an approval of a server's tools is people's last word on them",
    "memory_tenants": "whose memories are indexed anew",
    "memory_job_tenants": "whose index is behind",
    "remains_tenants": "whose ended tasks held what was forgotten",
}
#: Who runs statements outside of the store, and what for.
READERS = {
    "runtime/ironclaw/audit/chains.py": "the verifier, on a copy or beside the bot, of every chain",
    "runtime/ironclaw/app/backups.py": "copies and restores the whole database",
    "runtime/ironclaw/app/moving.py": "moves the whole database",
}
#: Of the table of tenants the id is one.
COMPARES = re.compile(r"\btenant = :tenant\b|\b(?:FROM|UPDATE) tenants\b.*\bid = :tenant\b")
VECTORS = re.compile(r"\b(qdrant_edge|qdrant_client)\b")


def statements() -> Iterator[tuple[str, str]]:
    """Each statement by its name, without comments."""
    parts = re.split(r"^-- name: (\w+)[\^!]?[ ]*$", QUERIES.read_text("utf-8"), flags=re.MULTILINE)[1:]
    yield from ((name, re.sub(r"--.*", "", text)) for name, text in zip(parts[::2], parts[1::2], strict=True))


def parameters(text: str) -> set[str]:
    return set(re.findall(r"(?<!:):(\w+)", text))


def about_tenants() -> dict[str, set[str]]:
    """The parameters of each statement that reads or writes a tenant's rows."""
    return {name: parameters(text) for name, text in statements() if TENANTS & set(re.findall(r"\w+", text))}


def test_each_statement_says_whose() -> None:
    """
    It names the tenant, or an id that nobody guesses and that is looked at first; or it is a chore of the
    host's with a reason.
    """
    found = about_tenants()
    unsaid = {name for name, names in found.items() if not names & {"tenant", *IDS}}

    assert len(found) > 150
    assert set(EVERYBODY) == unsaid


def test_a_tenant_is_compared() -> None:
    """
    A statement that is given a tenant holds rows against it, or writes it: naming it is not enough.
    """
    given = {name: text.strip() for name, text in statements() if "tenant" in parameters(text)}
    loose = {n for n, text in given.items() if not text.startswith("INSERT") and not COMPARES.search(text)}

    assert len(given) > 50
    assert set() == loose


def python() -> Iterator[tuple[str, ast.Module]]:
    for source in SOURCES:
        for path in sorted((ROOT / source).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text("utf-8"))


def imported(tree: ast.Module) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def test_only_the_store_runs_statements() -> None:
    """
    Nothing but the store, the verifier and what copies a whole database imports a way to the rows.
    """
    ways = {"sqlite3", "aiosqlite", "asyncpg", "ironclaw.store.sql"}
    found = {name for name, tree in python() if imported(tree) & ways}
    others = {name for name in found if not name.startswith("runtime/ironclaw/store/")}

    # The queue's connection takes jobs: ids of workflows, which are loaded by the store.
    assert set(READERS) | {"runtime/ironclaw/replicas.py"} == others


def test_only_one_package_reads_vectors() -> None:
    """
    Qdrant's libraries are used by the plugin memory_qdrant, and by nothing else.
    """
    found = {name for name, tree in python() if any(map(VECTORS.search, imported(tree)))}

    assert found
    assert {"plugins/ironclaw_plugins/memory_qdrant"} == {name.rpartition("/")[0] for name in found}


@pytest.mark.parametrize("module", ["shelf", "embedded", "server"])
def test_no_call_without_a_tenant(module: str) -> None:
    """
    Every way to the points, in files and on a server, takes the tenant first.
    """
    path = ROOT / "plugins" / "ironclaw_plugins" / "memory_qdrant" / f"{module}.py"
    shelves = [n for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.ClassDef)]
    verbs = {"put", "remove", "search", "count", "clear"}
    methods = {
        (node.name, node.args.args[1].arg if len(node.args.args) > 1 else "")
        for shelf in shelves
        if shelf.name.endswith("Shelf")
        for node in shelf.body
        if isinstance(node, ast.AsyncFunctionDef) and node.name in verbs
    }

    assert {(verb, "tenant") for verb in verbs} == methods
