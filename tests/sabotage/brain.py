"""Edits that each break a promise about the brain, its memory, its questions and its servers."""

from __future__ import annotations

from tests.sabotage.model import Edit, Mutant

QUERIES, ANSWERS = "runtime/ironclaw/store/queries.sql", "bot/ironclaw_bot/slack/answers.py"
T_MEMORY = "tests/integration/test_memories.py"
BRAIN = (
    Mutant(
        25,
        "the envelope around untrusted text is written without escapes",
        (
            Edit(
                "runtime/ironclaw/untrusted.py",
                """json.dumps({"source": _sound(source), "untrusted": _sound(text)}, ensure_ascii=False)""",
                """f'{{"source": "{_sound(source)}", "untrusted": "{_sound(text)}"}}'""",
            ),
        ),
        ("tests/unit/test_untrusted.py",),
    ),
    Mutant(
        26,
        "what a run is reminded of does not taint it",
        (
            Edit(
                "runtime/ironclaw/store/recalls.py",
                "    _taint(c, workflow_id, frozenset().union(*(each.taints for each in there)))\n",
                "",
            ),
        ),
        (T_MEMORY,),
    ),
    Mutant(
        27,
        "a brain that has read something remembers without a person",
        (
            Edit(
                "runtime/ironclaw/app/memory_tools.py",
                "if not yes and (taint or oddities(text)):",
                "if False:",
            ),
        ),
        (T_MEMORY,),
    ),
    Mutant(
        28,
        "a part of a question to the vector store has no tenant",
        (
            Edit(
                "plugins/ironclaw_plugins/memory_qdrant/server.py",
                "using=SPARSE, filter=own, limit=PREFETCH",
                "using=SPARSE, limit=PREFETCH",
            ),
        ),
        ("tests/integration/test_memory_server.py",),
    ),
    Mutant(
        29,
        "an answer links to any host",
        (Edit(ANSWERS, "len(url) <= MAX_URL and shown.allows(host)", "len(url) <= MAX_URL"),),
        ("tests/unit/test_slack_answers.py",),
    ),
    Mutant(
        30,
        "an answer mentions anybody",
        (Edit(ANSWERS, 'f"<@{user}>" if user == shown.requester else ""', 'f"<@{user}>"'),),
        ("tests/unit/test_slack_answers.py",),
    ),
    Mutant(
        31,
        "tools of an MCP server that changed since they were approved are called",
        (
            Edit(
                "runtime/ironclaw/mcp/served.py",
                "return (row.component, row.manifest) == (listing.component(self._config), listing.manifest)",
                "return True",
            ),
        ),
        ("tests/integration/test_mcp_pins.py",),
    ),
    Mutant(
        32,
        "a ticket of the listing before counts for the one that was approved since",
        (
            Edit(
                "runtime/ironclaw/mcp/runner.py",
                "(row.component, row.manifest) == pinned and served.is_pinned(row, listing)",
                "served.is_pinned(row, listing)",
            ),
        ),
        ("tests/integration/test_mcp_pins_late.py",),
    ),
    Mutant(
        33,
        "whoever is of the tenant answers what the brain asks another",
        (
            Edit(
                "runtime/ironclaw/app/questions.py",
                "return principal.tenant == tenant and one == other",
                "return principal.tenant == tenant",
            ),
        ),
        ("tests/integration/test_questions.py",),
    ),
    Mutant(
        34,
        "a task goes on when its money is spent",
        (
            Edit(
                "runtime/ironclaw/orchestrator/spending.py",
                "if spent >= most and (total or turn):",
                "if False:",
            ),
        ),
        ("tests/integration/test_context.py",),
    ),
    Mutant(
        35,
        "what one tenant keeps for a month is removed of all",
        (
            Edit(
                QUERIES,
                "WHERE tenant = :tenant AND erased_at = 0",
                "WHERE :tenant <> '' AND erased_at = 0",
            ),
        ),
        ("tests/integration/test_retention_apart.py",),
    ),
    Mutant(
        36,
        "what one task of a thread has read does not taint the next",
        (
            Edit(
                "runtime/ironclaw/orchestrator/taint.py",
                "return taint | flow.past_taint | flow.read_also",
                "return taint | flow.read_also",
            ),
        ),
        ("tests/integration/test_taint_of_a_thread.py",),
    ),
    Mutant(
        37,
        "a model's server is told who asks",
        (
            Edit(
                "plugins/ironclaw_plugins/brain_openai/brain.py",
                'hashlib.sha256(f"{conversation.tenant}\\0{conversation.requester}".encode()).hexdigest()',
                "conversation.requester",
            ),
        ),
        ("tests/integration/test_brain_openai_person.py",),
    ),
    Mutant(
        38,
        "an MCP client takes back what its person asked for elsewhere",
        (
            Edit(
                "bot/ironclaw_bot/mcp_server/calls.py",
                "if (view.door, view.requester) != (DOOR, self._who.id):",
                "if view.requester != self._who.id:",
            ),
        ),
        ("tests/integration/test_mcp_calls_apart.py",),
    ),
)
