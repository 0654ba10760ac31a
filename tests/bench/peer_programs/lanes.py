"""What every contender's program shares: it takes orders as lines of JSON and answers each with one.

Order: {"lanes": n, "count": n}: so many workflows from their beginning to their end, n at a time.
Or: {"fill": n}: so many that stay paused.  Answer: {"pause": [s], "resume": [s], "seconds": s}.
"""

import asyncio
import json
import random
import sys
import time
from importlib.metadata import version

# 4 KB that compress like a conversation, and not to nothing.
_WORDS = [f"{number:x}" * (1 + number % 3) for number in range(7, 2000, 7)]
HISTORY = " ".join(random.Random(4).choices(_WORDS, k=1500))[:4096]
TOGETHER = 16  # Lanes that fill.


async def serve(pause, resume, packages=()):
    """Until the orders end.

    :param pause: starts a new workflow with HISTORY; returns what names it, once it is durably paused
    :param resume: approves it; returns once it is durably done
    :param packages: whose versions are told in the first answer
    """

    await obey(answering(pause, resume), packages)


def answering(pause, resume):
    """What answers the two orders."""

    async def answer(lanes=TOGETHER, count=0, fill=0):
        return await rounds(pause, None if fill else resume, lanes, fill or count)

    return answer


async def obey(answer, packages=()):
    """Until the orders end, each by ``answer(**order)``."""
    tell({"versions": {name: version(name) for name in packages}})
    while line := await asyncio.to_thread(sys.stdin.readline):
        tell(await answer(**json.loads(line)))


async def rounds(pause, resume, lanes, count):
    taken = {"pause": [], "resume": []}
    left = iter(range(count))

    async def lane():
        for _ in left:
            began = time.perf_counter()
            name = await pause()
            paused = time.perf_counter()
            taken["pause"].append(paused - began)
            if resume:
                await resume(name)
                taken["resume"].append(time.perf_counter() - paused)

    began = time.perf_counter()
    await asyncio.gather(*(lane() for _ in range(lanes)))
    return {**taken, "seconds": time.perf_counter() - began}


def tell(answer):
    print(json.dumps(answer), flush=True)
