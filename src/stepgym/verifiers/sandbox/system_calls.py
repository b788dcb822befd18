"""The seccomp filter of the sandbox: system calls that no ordinary program needs and that reach deep into the kernel.

A list of refusals, not of permissions: sanitizers, threads and compilers work as ever. It takes away what a namespace
leaves open: memory that belongs to no process (anonymous files, System V segments), new namespaces and mounts, the key
ring, io_uring, eBPF, performance counters, and writing into the terminal's input.
"""

from __future__ import annotations

import errno
import platform
import struct

_REFUSED = {
    "x86_64": [
        *(29, 103, 155, 159, 161, 163, 164, 165, 166, 167, 168, 169, 172, 173, 175, 176, 179, 227, 246, 248, 249, 250),
        *(272, 298, 303, 304, 308, 313, 319, 320, 321, 323, 425, 426, 427, 428, 429, 430, 431, 432, 433, 442, 447),
    ],
    "aarch64": [
        *(39, 40, 41, 51, 60, 89, 97, 104, 105, 106, 112, 116, 142, 170, 171, 194, 217, 218, 219, 224, 225, 241, 264),
        *(265, 268, 273, 279, 280, 282, 294, 425, 426, 427, 428, 429, 430, 431, 432, 433, 442, 447),
    ],
}
"""By number: shmget, syslog, mount and its kin, chroot, acct, clocks, swap, reboot, modules, keys, unshare, setns,
perf_event_open, file handles, memfd_create, kexec, bpf, userfaultfd, io_uring, memfd_secret."""

_MACHINES = {"x86_64": (0xC000003E, 56, 16), "aarch64": (0xC00000B7, 220, 29)}
"""Audit architecture, number of `clone`, number of `ioctl`."""

_CLONE3 = 435
_NEW_NAMESPACES = 0x7E020000
_TERMINAL_INPUT = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX

_LOAD, _EQUAL, _AT_LEAST, _AND, _RETURN = 0x20, 0x15, 0x35, 0x54, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT, _SECOND_ARGUMENT = 0, 4, 16, 24


def filter_program(machine: str = "") -> bytes | None:
    """The filter as `struct sock_filter[]` for this (or a given) machine, None for one that is not known here."""
    machine = machine or platform.machine()
    if machine not in _MACHINES:
        return None
    architecture, clone, ioctl = _MACHINES[machine]
    refuse, unknown = _ERRNO | errno.EPERM, _ERRNO | errno.ENOSYS
    code = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),  # The 32-bit calls of the same machine have numbers of their own.
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, 0x40000000),  # The x32 calls too.
        (_RETURN, 0, 0, unknown),
        (_EQUAL, 0, 1, _CLONE3),  # Its flags lie in memory, out of reach; the C library then takes clone.
        (_RETURN, 0, 0, unknown),
    ]
    for number in _REFUSED[machine]:
        code += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, refuse)]
    code += [
        (_EQUAL, 0, 4, clone),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_AND, 0, 0, _NEW_NAMESPACES),
        (_EQUAL, 6, 0, 0),
        (_RETURN, 0, 0, refuse),
        (_EQUAL, 0, 4, ioctl),
        (_LOAD, 0, 0, _SECOND_ARGUMENT),
        (_EQUAL, 1, 0, _TERMINAL_INPUT[0]),
        (_EQUAL, 0, 1, _TERMINAL_INPUT[1]),
        (_RETURN, 0, 0, refuse),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(struct.pack("=HBBI", *line) for line in code)
