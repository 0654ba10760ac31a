"""Edits that each break one promise.  A suite that stays green with one of them in place promises nothing.

The numbers up to 24 are those of the project's list of what must never go unseen.
"""

from __future__ import annotations

from tests.sabotage.brain import BRAIN
from tests.sabotage.model import Edit, Mutant

VETO, GATE = "runtime/ironclaw/veto/core.py", "runtime/ironclaw/veto/gate.py"
BINDING = "runtime/ironclaw/veto/binding.py"
QUERIES, APPROVALS = "runtime/ironclaw/store/queries.sql", "runtime/ironclaw/store/approvals.py"
T_VETO, T_UNIT = "tests/integration/test_veto.py", "tests/unit/test_veto.py"
RULES, CLIENT = "plugins/ironclaw_plugins/veto_rules.py", "runtime/ironclaw/egress/client.py"


MUTANTS = (
    Mutant(
        1,
        "the digest is not compared before a call runs",
        (
            Edit(
                GATE,
                "if not hmac.compare_digest(bound, call.action_sha256):",
                "if not hmac.compare_digest(call.action_sha256, call.action_sha256):",
            ),
        ),
        (T_VETO,),
    ),
    Mutant(
        2,
        "the tool's digest is not bound",
        (Edit(BINDING, "            call.component_sha256,\n", ""),),
        (T_UNIT,),
    ),
    Mutant(3, "the tenant is not bound", (Edit(BINDING, "            call.tenant,\n", ""),), (T_UNIT,)),
    Mutant(
        4,
        "parsed arguments are compared in place of the digest",
        (
            Edit(
                GATE,
                "if not hmac.compare_digest(bound, call.action_sha256):",
                "if __import__('json').loads(current.args) != __import__('json').loads(call.args):",
            ),
        ),
        (T_VETO,),
    ),
    Mutant(
        5,
        "an empty list of approvers is everybody",
        (
            Edit(
                "runtime/ironclaw/tenancy/people.py",
                "same.intersection(tenant.approvers)",
                "same.intersection(tenant.approvers or same)",
            ),
        ),
        (T_UNIT, T_VETO),
    ),
    Mutant(
        6,
        "a user id counts without its team",
        (
            Edit(
                "runtime/ironclaw/tenancy/people.py",
                "same.intersection(tenant.approvers)",
                "{n.rpartition(':')[2] for n in same}.intersection(n.rpartition(':')[2] for n in tenant.approvers)",
            ),
        ),
        (T_UNIT, T_VETO),
    ),
    Mutant(
        7,
        "nobody is asked again before a call runs",
        (
            Edit(
                "runtime/ironclaw/orchestrator/carrying.py",
                "gate = await self._veto.gate(flow, call)",
                "gate = type('Open', (), {'obstacle': '', 'use': None})",
            ),
        ),
        (T_VETO,),
    ),
    Mutant(
        8,
        "a late decision counts",
        (
            Edit(
                QUERIES,
                "SELECT 1 AS is_open FROM approvals\n"
                "WHERE id = :id AND version = :version AND state = 'pending' AND expires_at > :now",
                "SELECT 1 AS is_open FROM approvals\n"
                "WHERE id = :id AND version = :version AND state = 'pending' AND expires_at > :now - 1e9",
            ),
            Edit(
                QUERIES,
                "UPDATE approvals SET state = :state\n"
                "WHERE id = :id AND version = :version AND state = 'pending' AND expires_at > :now",
                "UPDATE approvals SET state = :state\n"
                "WHERE id = :id AND version = :version AND state = 'pending' AND expires_at > :now - 1e9",
            ),
        ),
        (T_VETO,),
    ),
    Mutant(
        9,
        "a ticket is spent from any state",
        (
            Edit(
                QUERIES,
                "WHERE workflow_id = :workflow_id AND seq = :seq AND state = 'approved' "
                "AND action_sha256 = :action_sha256",
                "WHERE workflow_id = :workflow_id AND seq = :seq AND action_sha256 = :action_sha256",
            ),
        ),
        (T_VETO,),
    ),
    Mutant(
        10,
        "the sandbox is called before the ticket is spent",
        (
            Edit(VETO, "        await self._store.calls.begin(flow, call, self._clock(), gate.use)\n", ""),
            Edit(
                "runtime/ironclaw/orchestrator/carrying.py",
                "        result = await self._cutting.result(flow, call, running, lambda: effect.is_begun)\n",
                "        result = await self._cutting.result(flow, call, running, lambda: effect.is_begun)\n"
                "        await self._store.calls.begin(flow, call, self._clock(), gate.use)\n",
            ),
        ),
        ("tests/integration/test_crash.py", T_VETO),
    ),
    Mutant(
        11,
        "the audit is written in a transaction of its own",
        (
            Edit(
                APPROVALS,
                "    detail = {\n"
                '        "workflow": approval.workflow_id,\n'
                '        "seq": approval.seq,\n'
                '        "approval": approval.id,\n'
                '        "action": approval.action_sha256,\n'
                "    }\n",
                "    detail = {\n"
                '        "workflow": approval.workflow_id,\n'
                '        "seq": approval.seq,\n'
                '        "approval": approval.id,\n'
                '        "action": approval.action_sha256,\n'
                "    }\n"
                '    c.execute("RELEASE unit")\n    c.execute("COMMIT")\n    c.execute("BEGIN IMMEDIATE")\n'
                '    c.execute("SAVEPOINT unit")\n',
            ),
        ),
        (T_VETO,),
    ),
    Mutant(
        12,
        "an audit event that cannot be written is passed over",
        (
            Edit(
                "runtime/ironclaw/store/chain.py",
                "    sql.add_audit(c, tenant=tenant, n=n, event=body, commitment=stays, prev=prev, hash=hash_)",
                "    try:\n"
                "        sql.add_audit(c, tenant=tenant, n=n, event=body, commitment=stays, prev=prev, hash=hash_)\n"
                "    except Exception:\n"
                "        pass",
            ),
        ),
        (T_VETO,),
    ),
    Mutant(
        13,
        "a policy plugin that fails allows",
        (
            Edit(
                "runtime/ironclaw/plugin_manager.py",
                'Verdict.DENY, "plugin-error"',
                'Verdict.ALLOW, "plugin-error"',
            ),
        ),
        ("tests/unit/test_plugin_manager.py", "tests/integration/test_engine.py"),
    ),
    Mutant(
        14,
        "errors of Cedar are passed over",
        (
            Edit(
                "plugins/ironclaw_plugins/policy_cedar/judging.py",
                "return Answer(is_yes and not error, rules, error)",
                'return Answer(is_yes, rules, "")',
            ),
        ),
        ("tests/unit/test_policy_cedar.py",),
    ),
    Mutant(
        15,
        "a tool that nobody knows is the nearest one that somebody does",
        (
            Edit(
                "runtime/ironclaw/orchestrator/judging.py",
                "        tool = self._registry.get(proposed.tool)\n",
                "        near = difflib.get_close_matches(proposed.tool, [t.name for t in self._registry.tools])\n"
                "        tool = self._registry.get(near[0] if near else proposed.tool)\n",
            ),
        ),
        ("tests/integration/test_engine.py", "tests/integration/test_attacks.py"),
    ),
    Mutant(
        16,
        "the vector store is asked without a filter where the tenant is empty",
        (
            Edit(
                "plugins/ironclaw_plugins/memory_qdrant/server.py",
                """        models.FieldCondition(key=TENANT, match=models.MatchValue(value=checked(tenant)))
    ]
""",
                """        models.FieldCondition(key=TENANT, match=models.MatchValue(value=tenant))
    ] if tenant else []
""",
            ),
        ),
        ("tests/integration/test_memory_server.py",),
    ),
    Mutant(
        17,
        "a path prefix also covers what merely begins like it",
        (
            Edit(
                "runtime/ironclaw/egress/rules.py",
                '    return bool(given) if wanted == "*" else wanted == given',
                '    return bool(given) if wanted == "*" else given.startswith(wanted)',
            ),
        ),
        ("tests/unit/test_egress.py", "tests/cases/test_ssrf.py"),
    ),
    Mutant(
        18,
        "sockets are not looked at",
        (
            Edit(
                "runtime/ironclaw/egress/connecting.py",
                "if not self._is_allowed(str(info[4][0])):",
                "if False:",
            ),
        ),
        ("tests/unit/test_egress.py", "tests/cases/test_ssrf.py"),
    ),
    Mutant(
        19,
        "the client follows redirects by itself",
        (Edit(CLIENT, "allow_redirects=False", "allow_redirects=True"),),
        ("tests/unit/test_egress.py", "tests/cases/test_ssrf.py"),
    ),
    Mutant(
        20,
        "a secret goes along to another host",
        (
            Edit(
                "runtime/ironclaw/egress/credentials.py",
                "return injection if injection and covers(injection.binding, method, target) else None",
                "return injection",
            ),
        ),
        ("tests/unit/test_egress_secrets.py", "tests/cases/test_ssrf.py"),
    ),
    Mutant(
        21,
        "a token says by which algorithm it is checked",
        (
            Edit(
                "plugins/ironclaw_plugins/auth_jwt.py",
                "                key,\n                algorithms=[key.algorithm_name],",
                "                key.key,\n                algorithms=[jwt.get_unverified_header(token)['alg']],",
            ),
        ),
        ("tests/unit/test_auth_jwt.py", "tests/cases/test_jwt.py"),
    ),
    Mutant(
        22,
        "the signature is over what the body says, not over its bytes",
        (
            Edit(
                "bot/ironclaw_bot/slack/edge.py",
                'signed = b"v0:" + timestamp.encode() + b":" + body',
                'said = json.dumps(json.loads(body), separators=(",", ":")).encode() if body[:1] == b"{" else body\n'
                '        signed = b"v0:" + timestamp.encode() + b":" + said',
            ),
        ),
        ("tests/cases/test_slack_signature.py", "tests/integration/test_slack_edge.py"),
    ),
    Mutant(
        23,
        "compiled code is loaded without its seal",
        (
            Edit(
                "runtime/ironclaw/sandbox/codecache.py",
                "hmac.compare_digest(mac, self._mac(component, code))",
                "bool(mac)",
            ),
        ),
        ("tests/integration/test_sandbox_code.py",),
    ),
    Mutant(
        24,
        "the last event of a chain is not checked",
        (
            Edit(
                "runtime/ironclaw/audit/chains.py",
                "        if fault := walk.step(row):\n            return walk.chain(tenant, fault)\n",
                "        last = c.execute('SELECT max(n) FROM audit WHERE tenant = ?', (tenant,)).fetchone()[0]\n"
                "        if row['n'] != last and (fault := walk.step(row)):\n"
                "            return walk.chain(tenant, fault)\n",
            ),
        ),
        ("tests/cases/test_audit_tamper.py", "tests/unit/test_audit.py"),
    ),
    *BRAIN,
)
#: Of the list, what there is nothing of yet, and why.
NOT_YET: dict[int, str] = {}
