"""How each guest language becomes a component: ``python``, ``javascript`` (TypeScript too) and ``c``.

``source`` says what is built, ``languages`` who builds it, ``described`` what the source says of its
tools, ``children`` runs other people's programs, ``sections`` reads a component without running it.
"""
