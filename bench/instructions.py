"""Counts the instructions that this thread executes, by Linux's ``perf_event_open``.

Virtual machines and containers often have no such counter; then ``counter`` says so by None.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys
from collections.abc import Callable

SYSTEM_CALL = {"x86_64": 298, "aarch64": 241}
HARDWARE, INSTRUCTIONS = 0, 1
EXCLUDE_KERNEL, EXCLUDE_HYPERVISOR = 1 << 5, 1 << 6


def counter(kind: int = HARDWARE, event: int = INSTRUCTIONS) -> Callable[[], int] | None:
    """A function that reads how many there were since it was made, or None where they are not counted."""
    number = SYSTEM_CALL.get(platform.machine())
    if sys.platform != "linux" or number is None:
        return None
    size = 112
    # struct perf_event_attr: type, size, config, period, sample type, read format, flags
    head = struct.pack("=IIQQQQQ", kind, size, event, 0, 0, 0, EXCLUDE_KERNEL | EXCLUDE_HYPERVISOR)
    attributes = ctypes.create_string_buffer(head, size)
    here, any_processor, no_group = 0, -1, -1
    file = ctypes.CDLL(None).syscall(number, attributes, here, any_processor, no_group, 0)
    if file < 0:
        return None
    return lambda: int.from_bytes(os.read(file, 8), sys.byteorder)
