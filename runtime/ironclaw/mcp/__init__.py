"""Tools of servers that speak the Model Context Protocol.

Nothing that they say is believed, and nothing that they list is offered before people saw it.

``servers`` is the face, ``served`` what becomes of one server, ``link`` keeps it connected, ``apart`` for
each tenant, and ``runner`` calls its tools.  What it lists is pinned by ``listing`` and made into tools by
``offering``, with ``names`` and ``schemas`` of the ``keywords`` that may be.  ``opening`` connects: to a
program that ``confining`` starts under a ``keeper``, a process of its own with a system call ``filter``, by
``stdio``, and whose files ``quota`` counts; or to an address by ``http``, through egress.  What comes is
metered by ``flow`` and held against bounds by ``screening``.  Only these and ``session`` need the package
``mcp``, an extra: they are imported where servers are configured.
"""
