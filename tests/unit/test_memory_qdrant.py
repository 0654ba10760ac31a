"""Names, versions and settings of memory's index."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ironclaw.errors import SettingsError
from ironclaw.settings import Settings, load
from ironclaw_plugins.memory_qdrant import plugin
from ironclaw_plugins.memory_qdrant.indexes import Indexes
from ironclaw_plugins.memory_qdrant.lexical import Encoder
from ironclaw_plugins.memory_qdrant.naming import LEXICAL, index_name, place_of, point_id
from ironclaw_plugins.memory_qdrant.plugin import indexes

DENSE = {"embeddings_model": "org/Some Model:v2"}
KEY = {"qdrant_api_key": "k"}


def built(**changes: Any) -> Indexes:
    found = indexes(Settings.model_validate(changes))
    assert found is not None
    return found


def test_the_encoder_is_the_one_that_the_version_names() -> None:
    """
    If it makes other numbers, all memories must be indexed anew: change naming.LEXICAL with these.
    """
    known = Encoder().document("The billing service deploys on Fridays, 部署")

    assert "bm25-english-multilingual-20-v1" == LEXICAL
    assert [106080553, 463445028, 1342301861, 1419923336, 2025758272] == sorted(known.indices)
    assert [pytest.approx(1.4426, abs=1e-3)] * 5 == list(known.values)


def test_versions_differ_where_what_is_found_does() -> None:
    """
    By the place, the model and its dimensions.
    """
    versions = {
        built().version,
        built(**DENSE).version,
        built(**DENSE, embeddings_dimensions=8).version,
        built(embeddings_model="org-some-model-v2").version,
        built(qdrant_url="http://127.0.0.1:6333").version,
        built(qdrant_url="https://qdrant.example:6333").version,
    }

    assert 6 == len(versions)
    assert f"edge:{LEXICAL}" == built().version == place_of("", index_name("", 512))


@pytest.mark.parametrize("model", ["../../etc", "a/b", "x" * 300, "模型", "A.B", "-"])
def test_a_model_s_name_makes_a_folder_s_name(model: str) -> None:
    """
    Whatever a model is called, its version is one plain folder.
    """
    name = index_name(model, 512)

    assert Path(name).name == name
    assert name.isascii()
    assert len(name) < 100


def test_points_of_two_tenants_never_meet() -> None:
    """
    The same memory id is another point for another tenant, also where the two ids run together.
    """
    ids = [point_id("acme", "m1"), point_id("umbra", "m1"), point_id("acmem", "1"), point_id("acme", "m2")]

    assert 4 == len(set(ids))
    assert ids[0] == point_id("acme", "m1")


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"qdrant_url": "http://qdrant.example:6333", **KEY}, "qdrant_url: a key does not go"),
        ({"qdrant_url": "http://127.0.0.1.example:6333", **KEY}, "qdrant_url: a key does not go"),
        ({"qdrant_url": "ftp://127.0.0.1"}, "qdrant_url: write http"),
        ({"qdrant_url": "127.0.0.1:6333"}, "qdrant_url: write http"),
        ({"qdrant_url": "https://"}, "qdrant_url: write http"),
        ({"qdrant_url": ":memory:"}, "qdrant_url: write http"),
        ({"qdrant_url": "/var/lib/qdrant"}, "qdrant_url: write http"),
        ({"qdrant_url": "file:///var/lib/qdrant"}, "qdrant_url: write http"),
        ({"qdrant_url": "https://a:99999"}, "qdrant_url: write http"),
        ({"qdrant_url": "https://user:pass@a"}, "without user, password"),
        ({"qdrant_url": "https://a/?x=1"}, "without user, password"),
        ({"qdrant_url": "https://a b"}, "qdrant_url: write http"),
        ({"embeddings_base_url": "http://127.0.0.1:1/v1"}, "embeddings_model: name"),
        (
            {**DENSE, "embeddings_base_url": "http://e.example/v1", "embeddings_api_key": "k"},
            "embeddings_base_url: a key does not go",
        ),
    ],
)
def test_wrong_settings(wrong: dict[str, Any], named: str) -> None:
    """
    A key that all on the way would see, and an address that is none, stop the start.
    """
    with pytest.raises(SettingsError, match=named):
        built(**wrong)


@pytest.mark.parametrize(
    "right",
    [
        {"qdrant_url": "http://127.0.0.1:6333", **KEY},
        {"qdrant_url": "http://localhost:6333", **KEY},
        {"qdrant_url": "http://[::1]:6333", **KEY},
        {"qdrant_url": "https://qdrant.example", **KEY},
        {"qdrant_url": "http://qdrant:6333"},
    ],
)
def test_right_settings(right: dict[str, Any]) -> None:
    """
    Encrypted, on this machine, or without a key: it may be.
    """
    assert "lexical" == built(**right).kind


def test_a_server_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The start stops, and says what to install.
    """
    monkeypatch.setattr(plugin, "find_spec", lambda name: None)

    with pytest.raises(SettingsError, match=r"\.venv/bin/pip install -e '\.\[qdrant\]'"):
        built(qdrant_url="http://127.0.0.1:6333")


def test_replicas_without_a_server_have_no_index() -> None:
    """
    Each would find what it happened to index itself, which is worse than finding nothing.
    """
    many = {"database_url": "postgresql://x/y", "scratch_dir": "/s"}

    assert indexes(Settings.model_validate(many)) is None
    assert indexes(Settings.model_validate({**many, "qdrant_url": "http://qdrant:6333"})) is not None


def test_well_known_names(tmp_path: Path) -> None:
    """
    The names that Qdrant's own documentation uses are read.
    """
    found = load({"QDRANT_URL": "http://q:6333", "QDRANT_API_KEY": "k"}, tmp_path)

    assert ("http://q:6333", "**********") == (found.qdrant_url, str(found.qdrant_api_key))


def test_no_files_before_something_is_asked(tmp_path: Path) -> None:
    """
    Starting up makes no folder and opens nothing.
    """
    built(data_dir=tmp_path / "data")

    assert not (tmp_path / "data").exists()
