"""Our tools for clients of the Model Context Protocol: ``ironclaw mcp``, spoken to by its pipes.

``calls`` is the engine's side, behind the local door, and knows nothing of the protocol.  ``serving`` is the
protocol's side, beside the client: ``session`` makes one workflow of one call, however often it is asked, and
waits for it; ``answers`` tells what came of it; ``listing`` what there is; ``pipes`` keeps a client within
bounds.  Those five need the package ``mcp``, an extra: ``commands`` imports them only when they are run.
"""
