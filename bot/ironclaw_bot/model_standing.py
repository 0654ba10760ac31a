"""What plans, and how the models stand that it asks."""

from __future__ import annotations

from ironclaw.errors import SettingsError
from ironclaw.settings import Settings
from ironclaw_bot.finding import Finding, broken, noted
from ironclaw_plugins.brain_openai.probing import notes, planners, probes


def brain(settings: Settings) -> Finding:
    """What plans, for whom and in which order."""
    if settings.brain_name != "openai":
        return Finding(f"the brain is {settings.brain_name}")
    try:
        return Finding(f"the brain is openai: {planners(settings)}")
    except SettingsError as error:
        return broken(str(error))


def models(settings: Settings) -> list[Finding]:
    """What is to be known of their servers, and whom they are for in vain; what is wrong, `brain` says."""
    if settings.brain_name != "openai":
        own = [name for name, each in settings.tenants.items() if each.openai_model or each.openai_fallbacks]
        in_vain = f"has models, and the brain is {settings.brain_name}"
        return [noted(f"the tenant {name} {in_vain}", "Set IRONCLAW_BRAIN.") for name in own]
    return [noted(*each) for each in notes(settings).items()] if brain(settings).is_well else []


async def ask_models(settings: Settings) -> list[Finding]:
    """Whether each model that plans can call a trivial tool.  This is the one look that takes a network."""
    if settings.brain_name != "openai" or not brain(settings).is_well:
        return []
    found = []
    async for probe in probes(settings):
        well = Finding(f"{probe.model} at {probe.server} calls tools")
        bad = Finding(f"{probe.model} at {probe.server}: {probe.problem}", False, "", probe.is_fatal)
        found.append(bad if probe.problem else well)
    return found
