"""Runs in the bench's own environment: one fresh pydantic-monty session a call.  Argument: how many calls."""

import json
import sys
import time

from pydantic_monty import Monty

INPUT = '{"text": "hello"}'
ECHO = "import json\njson.dumps(json.loads(text))"
WORK = "import json\nitems = len(json.loads(text))\nsum(range(10000)) + items"


def call(pool, code):
    began = time.perf_counter()
    with pool.checkout() as session:
        session.feed_run(code, inputs={"text": INPUT})
    return time.perf_counter() - began


count = int(sys.argv[1])
with Monty(min_processes=2) as pool:
    for _ in range(10):
        call(pool, WORK)
    print(json.dumps({"echo": [call(pool, ECHO) for _ in range(count)],
                      "work": [call(pool, WORK) for _ in range(count)]}))  # fmt: skip
