"""The memory of a process whose every command or measurement is one computation after another."""

import ctypes

# From glibc's <malloc.h>. Of the threshold, this is the largest value that it takes.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
KEPT = {M_TRIM_THRESHOLD: 2**31 - 1, M_TOP_PAD: 2**28, M_MMAP_THRESHOLD: 2**25}


def keep_freed() -> None:
    """Lets this process keep the memory that it frees, for its next step, where libc is glibc.

    Otherwise glibc returns it to the system in each step and asks for it anew, as the blocks happen
    to lie, and the system clears every page: in a step of `inpaint64` on PyTorch 10,000 to 20,000
    pages, 7 to 11% of the processor's time, and none with it. Other models fault less.

    Not for scripts and services of others: a library doesn't decide on their memory.
    """
    try:
        change = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):  # another system, or another libc
        return
    for setting, value in KEPT.items():
        change(setting, value)
