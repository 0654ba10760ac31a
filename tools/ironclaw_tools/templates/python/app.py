"""The tools of NAME."""

from ironclaw_guest import InvalidInput, tool


@tool("NAME.greet")
def greet(name: str, loudly: bool = False) -> str:
    """Greet somebody by name.

    :param name: whom to greet
    :param loudly: whether to end with an exclamation mark
    """
    if not name.strip():
        raise InvalidInput("name is empty")
    return f"Hello, {name}{'!' if loudly else '.'}"
