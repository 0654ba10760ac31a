"""Who acts in Slack."""

from __future__ import annotations

import pytest
from tests.fakes.services import PlainServices

from ironclaw.errors import IdentityError
from ironclaw.settings import Settings, TenantSettings
from ironclaw.task import Bearer, SlackIdentity
from ironclaw_plugins.auth_slack import AuthSlack

ACME = TenantSettings(slack=("T1", "T2", "E1"), approvers=("slack:T1:UBO", "slack:T9:UEVE"))


@pytest.fixture
def auth():
    return AuthSlack(PlainServices(Settings(tenants={"acme": ACME, "globex": TenantSettings(slack=("T5",))})))


@pytest.mark.parametrize(
    ("who", "person", "is_approver"),
    [
        (SlackIdentity("T1", "UADA"), "slack:T1:UADA", False),
        (SlackIdentity("T1", "UBO"), "slack:T1:UBO", True),
        (SlackIdentity("T1", "UBO", "T1"), "slack:T1:UBO", True),
        (SlackIdentity("T1", "UBO", "T2"), "slack:T1:UBO", True),
        (SlackIdentity("T1", "UBO", "T9"), "slack:T9:UBO", False),
        (SlackIdentity("T1", "UBO", "T5"), "slack:T5:UBO", False),
        (SlackIdentity("T1", "UBO", "E9"), "slack:E9:UBO", False),
        (SlackIdentity("T2", "UBO"), "slack:T2:UBO", False),
        (SlackIdentity("T7", "UADA", "", "E1"), "slack:T7:UADA", False),
        (SlackIdentity("T1", "UCY"), "slack:T1:UCY", False),
        (SlackIdentity("T1", "UEVE", "T9"), "slack:T9:UEVE", True),
    ],
)
async def test_principal(auth, who, person, is_approver):
    """
    A person is their workspace and id; an approver is exactly who the list names.
    """
    principal = await auth.ironclaw_authenticate(who)

    assert ("acme", person, is_approver) == (principal.tenant, principal.id, principal.is_approver)


@pytest.mark.parametrize(
    "who",
    [
        SlackIdentity("T8", "UADA"),
        SlackIdentity("T8", "UADA", "T1"),
        SlackIdentity("", "UADA"),
        SlackIdentity("T1", ""),
        SlackIdentity("T1", "UADA:T2"),
        SlackIdentity("T1", "UADA\n"),
        SlackIdentity("T1", "UADA", "T2:UBO"),
    ],
)
async def test_nobody(auth, who):
    """
    Another workspace, or ids that Slack never gives, are nobody.
    """
    with pytest.raises(IdentityError):
        await auth.ironclaw_authenticate(who)


async def test_no_opinion(auth):
    """
    A bearer token is another plugin's.
    """
    assert await auth.ironclaw_authenticate(Bearer("x")) is None


async def test_empty_list():
    """
    An empty list of approvers is nobody, not everybody.
    """
    auth = AuthSlack(PlainServices(Settings(tenants={"acme": TenantSettings(slack=("T1",))})))

    assert not (await auth.ironclaw_authenticate(SlackIdentity("T1", "UBO"))).is_approver
