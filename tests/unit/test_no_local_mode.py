"""Qdrant's library has a local mode, which unpickles its files: nothing here can come to it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.unit.test_queries import imported, python

SERVER = "plugins/ironclaw_plugins/memory_qdrant/server.py"


def clients() -> Iterator[tuple[str, set[str | None], int]]:
    """Each place that makes a client: the keywords that it gets (None for ``**``), how many other words."""
    for name, tree in python():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("QdrantClient"):
                yield name, {each.arg for each in node.keywords}, len(node.args)


def test_a_client_has_an_address() -> None:
    """
    The one client that is made gets an address by name, no path, no place, nothing else that could be one.
    """
    [(name, words, others)] = clients()

    assert SERVER == name
    assert ({"url"}, 0) == (words & {"url", "path", "location", None}, others)


def test_nothing_unpickles() -> None:
    """
    What runs code while it is read is not imported anywhere.
    """
    found = {name for name, tree in python() if imported(tree) & {"pickle", "shelve", "marshal", "dill"}}

    assert set() == found
