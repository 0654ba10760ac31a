"""The system call filter as the kernel would run it, on both processors, by a small BPF machine."""

from __future__ import annotations

import errno
import re
import struct
from pathlib import Path

import pytest

from ironclaw.sandbox import syscalls
from ironclaw.sandbox.seccomp import ARCHES, program

ALLOW, KILL, FAIL = 0x7FFF0000, 0x80000000, 0x00050000
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
EPERM, ENOSYS = FAIL | errno.EPERM, FAIL | errno.ENOSYS
THREAD = 0x00010000
#: What a worker lives on, in the numbers of both: read, write, openat, mmap, munmap, futex, exit_group,
#: newfstatat, renameat2, unlinkat, getrandom, memfd_create, ppoll, rt_sigreturn.
NEEDED = {
    "x86_64": (0, 1, 257, 9, 11, 202, 231, 262, 316, 263, 318, 319, 271, 15),
    "aarch64": (63, 64, 56, 222, 215, 98, 94, 79, 276, 35, 278, 279, 73, 139),
}
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}


def verdict(machine: str, number: int, first: int = 0, audit: int | None = None) -> int:
    """What the filter answers to one system call."""
    arch = ARCHES[machine]
    data = struct.pack("<iIQ6Q", number, arch.audit if audit is None else audit, 0, first, 0, 0, 0, 0, 0)
    steps = list(struct.iter_unpack("<HBBI", program(arch)))
    at = held = 0
    while True:
        code, if_true, if_false, value = steps[at]
        at += 1
        if code == RETURN:
            return int(value)
        if code == LOAD:
            held = struct.unpack_from("<I", data, value)[0]
        else:
            holds = {EQUAL: held == value, AT_LEAST: held >= value, ANY_BIT: bool(held & value)}[code]
            at += if_true if holds else if_false


@pytest.mark.parametrize("machine", ARCHES)
def test_denied(machine: str) -> None:
    """
    No socket, no process, no signal, no mount, and nothing else that a worker never needs.
    """
    column = ARCHES[machine].column
    numbers = {name: each[column] for name, each in syscalls.DENIED.items()}

    there = {name: number for name, number in numbers.items() if number is not None}
    assert dict.fromkeys(there, EPERM) == {name: verdict(machine, there[name]) for name in there}
    assert {"socket", "execve", "kill", "ptrace", "mount", "bpf", "io_uring_setup", "keyctl"} <= there.keys()


@pytest.mark.parametrize("machine", ARCHES)
def test_needed(machine: str) -> None:
    """
    What a worker lives on passes, and so does every number that is not named.
    """
    named = {each[ARCHES[machine].column] for each in syscalls.DENIED.values()}
    named |= {each[ARCHES[machine].column] for each in (syscalls.CLONE, syscalls.CLONE3, syscalls.PRLIMIT64)}

    assert {ALLOW} == {verdict(machine, number) for number in NEEDED[machine]}
    assert {ALLOW} == {verdict(machine, number) for number in range(500) if number not in named}


@pytest.mark.parametrize(("machine", "clone", "clone3"), [("x86_64", 56, 435), ("aarch64", 220, 435)])
def test_only_threads(machine: str, clone: int, clone3: int) -> None:
    """
    clone makes threads and no process; clone3, whose flags no filter can read, is not there.
    """
    assert ALLOW == verdict(machine, clone, THREAD | 0x100)
    assert [EPERM, EPERM] == [verdict(machine, clone, flags) for flags in (17, 0x4000 | 17)]
    assert ENOSYS == verdict(machine, clone3)


@pytest.mark.parametrize(("machine", "prlimit"), [("x86_64", 302), ("aarch64", 261)])
def test_own_limits_only(machine: str, prlimit: int) -> None:
    """
    A worker sets limits for itself, and for no process by its number.
    """
    assert [ALLOW, EPERM] == [verdict(machine, prlimit, pid) for pid in (0, 1)]


@pytest.mark.parametrize("machine", ARCHES)
def test_other_tables(machine: str) -> None:
    """
    Whoever calls by another processor's numbers, or by those of x32, is killed.
    """
    others = [0x40000003, 0x40000028, *(arch.audit for name, arch in ARCHES.items() if name != machine)]

    assert {KILL} == {verdict(machine, 0, audit=audit) for audit in others}
    assert KILL == verdict(machine, 0x40000000 | 1)


@pytest.mark.parametrize("machine", ARCHES)
def test_numbers(machine: str) -> None:
    """
    Every number is the one of the kernel's own headers, where those are installed.
    """
    if not HEADERS[machine].exists():
        pytest.skip("the kernel's headers are not installed")
    found = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", HEADERS[machine].read_text())
    numbers = {name: int(number) for name, number in reversed(found)}
    ours = {**syscalls.DENIED, "clone": syscalls.CLONE, "clone3": syscalls.CLONE3}

    column = ARCHES[machine].column
    assert {name: numbers.get(name) for name in ours} == {name: each[column] for name, each in ours.items()}
