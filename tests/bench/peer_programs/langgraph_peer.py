"""Runs in the bench's own environment: a LangGraph of three nodes.  Arguments: folder, durability.

``sync`` writes each step before the next begins, ``exit`` only where the graph stops: at the interrupt and
at its end.  One connection, WAL, synchronous=FULL.
"""

import asyncio
import itertools
import sys
from typing import Any, TypedDict

import aiosqlite
from lanes import HISTORY, serve
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt

NAMES = itertools.count()


class State(TypedDict, total=False):
    history: str
    call: dict[str, Any]
    result: str
    answer: str


def plan(state):
    return {"call": {"tool": "bench.echo", "arguments": {"text": "hello"}}}


def act(state):
    decision = interrupt({"question": "May this run?", "call": state["call"]})
    return {"result": state["call"]["arguments"]["text"] if decision == "approve" else "denied"}


def finish(state):
    return {"answer": state["result"]}


def graph(saver):
    built = StateGraph(State)
    for name, node in (("plan", plan), ("act", act), ("finish", finish)):
        built.add_node(name, node)
    for one, other in itertools.pairwise((START, "plan", "act", "finish", END)):
        built.add_edge(one, other)
    return built.compile(checkpointer=saver)


async def main(folder, durability):
    async with aiosqlite.connect(f"{folder}/contender.db") as connection:
        await connection.execute("PRAGMA synchronous = FULL")
        saver = AsyncSqliteSaver(connection)
        await saver.setup()  # Sets WAL.
        app = graph(saver)

        async def pause():
            config = {"configurable": {"thread_id": f"w{next(NAMES)}"}}
            state = await app.ainvoke({"history": HISTORY}, config, durability=durability)
            assert state["__interrupt__"]
            return config

        async def resume(config):
            state = await app.ainvoke(Command(resume="approve"), config, durability=durability)
            assert state["answer"] == "hello"

        await serve(pause, resume, ("langgraph", "langgraph-checkpoint-sqlite", "aiosqlite"))


asyncio.run(main(*sys.argv[1:]))
