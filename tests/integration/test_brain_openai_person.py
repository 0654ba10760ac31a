"""A model's server is told that two requests are of one person, and not who that is."""

from __future__ import annotations

import dataclasses
import json
import re

import pytest
from tests.fakes.openai_server import FakeOpenAI, text
from tests.integration.planning import KEY, asking, brain


@pytest.mark.parametrize("api", ["chat", "responses"])
async def test_who_asks_is_not_said(api: str) -> None:
    """
    The same person of a tenant has the same mark each time, somebody else and another tenant's have others;
    no request names person or tenant.
    """
    people = [("acme", "slack:T1:U_ANN")] * 2 + [("acme", "slack:T1:U_BEA"), ("globex", "slack:T1:U_ANN")]
    async with FakeOpenAI(key=KEY) as server:
        server.on("hello", text("Hi."))
        planner = brain(server, openai_api=api, openai_profile="openai")
        for tenant, requester in people:
            await planner.plan(dataclasses.replace(asking(), tenant=tenant, requester=requester))
    marks = [body["safety_identifier"] for body in server.requests]
    said = json.dumps(server.requests)

    assert (marks[0], 3) == (marks[1], len(set(marks)))
    assert all(re.fullmatch(r"[0-9a-f]{64}", each) for each in marks)
    assert [] == [word for pair in people for word in (pair[0], *pair[1].split(":")[1:]) if word in said]
