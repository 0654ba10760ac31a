"""Which toolboxes are in force, as each tenant's audit log last said it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

from ironclaw.canonical import canonical_text
from ironclaw.store.chain import note
from ironclaw.store.sql import Connection, sql
from ironclaw.store.units import Writer

#: Of each toolbox by its name: version, digests, signer and tools, as plain JSON.
Facts = Mapping[str, Mapping[str, object]]


class Toolboxes:
    """The store of what was said of toolboxes."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def in_force(
        self, tenants: Collection[str], facts: Facts, why_not: Mapping[str, str], actor: str, now: float
    ) -> None:
        """Say in each tenant's audit log what came, went or changed since it was last said there.

        :param facts: of all toolboxes that are in force
        :param why_not: of those that lie there and are not in force, by name
        """
        texts = {name: canonical_text(dict(each)) for name, each in facts.items()}

        def unit(c: Connection) -> None:
            for tenant in sorted(tenants):
                sql.add_tenant(c, id=tenant, now=now)
                _say(c, tenant, texts, why_not, actor, now)

        await self._writer.write(unit)


def _say(
    c: Connection,
    tenant: str,
    texts: Mapping[str, str],
    why_not: Mapping[str, str],
    actor: str,
    now: float,
) -> None:
    said = {row["name"]: row["facts"] for row in sql.toolboxes_of(c, tenant=tenant)}
    for name in sorted(said.keys() - texts.keys()):
        sql.remove_toolbox(c, tenant=tenant, name=name)
        why = {"why": why_not[name]} if name in why_not else {}
        note(c, tenant, now, "toolbox_removed", actor, toolbox=name, was=json.loads(said[name]), **why)
    for name in sorted(name for name in texts if texts[name] != said.get(name)):
        sql.put_toolbox(c, tenant=tenant, name=name, facts=texts[name])
        facts = json.loads(texts[name])
        if name in said:
            was = json.loads(said[name])
            note(c, tenant, now, "toolbox_changed", actor, toolbox=name, **facts, was=was)
        else:
            note(c, tenant, now, "toolbox_added", actor, toolbox=name, **facts)
