"""compose.yaml holds what docs/operate.md says of many machines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ironclaw.settings import load

ROOT = Path(__file__).parents[2]


@pytest.fixture
def compose() -> Any:
    return yaml.safe_load((ROOT / "compose.yaml").read_text())


def volumes(service: Any) -> dict[str, str]:
    """What is mounted where."""
    return {each.split(":")[1]: each.split(":")[0] for each in service["volumes"]}


def test_only_the_proxy_is_reached(compose: Any) -> None:
    """
    One service has ports, and each says how it is known to be well.
    """
    services = compose["services"]

    assert ["proxy"] == [name for name, each in services.items() if "ports" in each]
    assert [] == [name for name, each in services.items() if "test" not in each.get("healthcheck", {})]


def test_what_replicas_share(compose: Any) -> None:
    """
    Two replicas have one key, one scratch folder and one database, and each a data folder of its own.
    """
    one, two = (volumes(compose["services"][name]) for name in ("one", "two"))

    assert {"/data"} == {where for where in one if one[where] != two[where]}
    assert {"one", "two", "keys", "scratch", "postgres", "qdrant", "caddy"} == compose["volumes"].keys()
    assert "one:3000 two:3000" in compose["configs"]["caddyfile"]["content"]


def test_settings_of_a_replica(compose: Any, tmp_path: Path) -> None:
    """
    Each variable is a setting of ours, and every path of them is mounted.
    """
    one = compose["services"]["one"]
    settings = load(one["environment"], tmp_path)

    assert {"/data", "/keys", "/scratch"} <= volumes(one).keys()
    assert ("/data", "/scratch") == (str(settings.data_dir), str(settings.scratch_dir))
    assert "/keys" == str(settings.key_file.parent)


def test_no_secret_is_in_it(compose: Any) -> None:
    """
    Passwords and tokens come from files that are not here.
    """
    services = compose["services"]
    said = [name for each in services.values() for name in each.get("environment", {})]

    assert ["ironclaw.env", "ironclaw.env", "postgres.env"] == [
        services[name]["env_file"] for name in ("one", "two", "postgres")
    ]
    assert [] == [name for name in said if any(word in name for word in ("PASSWORD", "TOKEN", "KEY", "URL"))
                  and name not in ("IRONCLAW_KEY_FILE", "IRONCLAW_PUBLIC_URL", "QDRANT_URL")]  # fmt: skip
    assert {"ironclaw.env", "postgres.env"} <= set((ROOT / ".gitignore").read_text().split())
