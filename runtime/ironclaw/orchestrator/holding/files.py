"""The files of a held run: copied, compared, and put into the tenant's folder.  All of it blocks."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ironclaw.capabilities import Quota
from ironclaw.envelope import GONE, FileEffect
from ironclaw.sandbox.folders import identity
from ironclaw.sandbox.quota import count
from ironclaw.sandbox.tree import States, Tree


class Changed(Exception):
    """A file is not what people saw."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


def copied(folder: Path, copy: Path) -> States:
    """Copy the tenant's folder.

    :return: each path's state as it was copied
    :raises OSError: it cannot be copied
    """
    identity(folder)
    identity(copy)
    with Tree.at(folder) as source, Tree.at(copy) as target:
        target.clear()
        return source.copy_to(target)


def emptied(copy: Path) -> None:
    """
    :raises OSError: it cannot be emptied
    """
    with Tree.at(copy) as target:
        target.clear()


def states(copy: Path) -> States:
    """What is in the copy now.

    :raises OSError: it cannot be read
    """
    with Tree.at(copy) as tree:
        return tree.states()


def first_changed(folder: Path, files: tuple[FileEffect, ...]) -> str:
    """The first path that is neither as people saw it nor as they approved it; "" for none.

    :raises OSError: the folder cannot be read
    """
    identity(folder)
    with Tree.at(folder) as tree:
        return next((e.path for e in files if tree.state(e.path) not in (e.before, e.after)), "")


def apply(copy: Path, folder: Path, files: list[FileEffect], quota: Quota, spool: Path) -> bool:
    """Put what was made into the folder; what is there already is left.

    :return: False where there is no room, and nothing was changed
    :raises Changed: something is not what people saw; nothing was changed
    """
    with Tree.at(copy) as source, Tree.at(folder) as target:
        for each in files:
            if target.state(each.path) not in (each.before, each.after):
                raise Changed(each.path)
        if not _has_room(folder, files, quota):
            return False
        for each in sorted(files, key=lambda each: each.after == GONE):
            _apply_one(source, target, each, spool)
    return True


def _has_room(folder: Path, files: list[FileEffect], quota: Quota) -> bool:
    used = count(folder, quota)
    more = sum(each.size for each in files)
    return not more or not (
        used.is_over(quota) or used.bytes + more > quota.bytes or used.files + len(files) > quota.files
    )


def _apply_one(source: Tree, target: Tree, effect: FileEffect, spool: Path) -> None:
    now = target.state(effect.path)
    if now not in (effect.before, effect.after):
        raise Changed(effect.path)
    if now == effect.after:
        return
    if effect.after == GONE:
        target.remove(effect.path, effect.before)
        return
    # Read once, and these very bytes are compared and written: whatever becomes of the copy meanwhile.
    content = source.read(effect.path)
    if hashlib.sha256(content).hexdigest() != effect.after:
        raise Changed(effect.path)
    try:
        target.put(effect.path, content, is_new=effect.before == GONE, spool=spool)
    except FileExistsError:
        raise Changed(effect.path) from None
