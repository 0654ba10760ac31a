"""Runs in the bench's own environment: DBOS workflows.  Arguments: database URL, form.

Form ``recv``: one workflow that waits in ``DBOS.recv`` for its approval, as its documentation shows.
Form ``segments``: one workflow up to the question, another one from the answer on: nothing waits in memory.
On SQLite: WAL and synchronous=FULL, which it does not set itself, and a look for messages every 10 ms
instead of every second.  It needs SQLite 3.42, which pysqlite3-binary brings.
"""

import asyncio
import itertools
import os
import sys

if sys.argv[1].startswith("sqlite"):
    import pysqlite3

    sys.modules["sqlite3"] = pysqlite3

import sqlalchemy
from dbos import DBOS, SetWorkflowID
from lanes import HISTORY, serve

NAMES = (f"{os.getpid()}-{number}" for number in itertools.count())
PATIENCE = 600
paused = {}


@DBOS.step()
async def plan(history):
    return {"tool": "bench.echo", "arguments": {"text": "hello"}}


@DBOS.step()
async def act(call):
    return call["arguments"]["text"]


@DBOS.step()
async def finish(result):
    return result


@DBOS.workflow()
async def whole(history):
    call = await plan(history)
    paused[DBOS.workflow_id].set()  # In this process only: the plan is durable, to say so is not counted.
    decision = await DBOS.recv_async("approval", timeout_seconds=PATIENCE)
    return await finish(await act(call) if decision == "approve" else "denied")


@DBOS.workflow()
async def until_asked(history):
    return await plan(history)


@DBOS.workflow()
async def from_answer(call, decision):
    return await finish(await act(call) if decision == "approve" else "denied")


async def pause_in_recv():
    name = next(NAMES)
    paused[name] = asyncio.Event()
    with SetWorkflowID(name):
        handle = await DBOS.start_workflow_async(whole, HISTORY)
    await paused[name].wait()
    del paused[name]
    return handle


async def resume_in_recv(handle):
    name = handle.get_workflow_id()
    await DBOS.send_async(name, "approve", "approval", idempotency_key=f"{name}-approval")
    assert await handle.get_result() == "hello"


async def pause_in_segments():
    with SetWorkflowID(next(NAMES)):
        handle = await DBOS.start_workflow_async(until_asked, HISTORY)
    return handle.get_workflow_id(), await handle.get_result()


async def resume_in_segments(asked):
    name, call = asked
    with SetWorkflowID(f"{name}-go"):
        handle = await DBOS.start_workflow_async(from_answer, call, "approve")
    assert await handle.get_result() == "hello"


def durable(connection, _record):
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")


async def main(url, form):
    config = {"name": "bench", "system_database_url": url, "log_level": "CRITICAL", "enable_otlp": False}
    packages = ["dbos", "sqlalchemy"]
    if url.startswith("sqlite"):
        sqlalchemy.event.listen(sqlalchemy.Engine, "connect", durable)
        config["notification_listener_polling_interval_sec"] = 0.01
        packages.append("pysqlite3-binary")
    DBOS(config=config)
    DBOS.launch()
    forms = {
        "recv": (pause_in_recv, resume_in_recv),
        "segments": (pause_in_segments, resume_in_segments),
    }
    await serve(*forms[form], packages)
    os._exit(0)  # What waits for its approval would hold the process up.


asyncio.run(main(*sys.argv[1:]))
