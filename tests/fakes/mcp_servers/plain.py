"""A server of the standard library alone, for a venv that has nothing else."""

import json
import sys

HELLO = {"name": "hello", "description": "Say hello.", "inputSchema": {"type": "object", "properties": {}}}


def answer(asked: dict) -> dict | None:
    """The result of a request; None for what is not known."""
    if asked["method"] == "initialize":
        about = {"name": "plain", "version": "1"}
        version = asked["params"]["protocolVersion"]
        return {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": about}
    return {"tools": [HELLO]} if asked["method"] == "tools/list" else None


for line in sys.stdin:
    asked = json.loads(line)
    if "id" in asked:
        result = answer(asked)
        said = {"error": {"code": -32601, "message": "no"}} if result is None else {"result": result}
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], **said}), flush=True)
