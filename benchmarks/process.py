"""What a program costs, measured as a whole process."""

import os
import subprocess
import sys


def measure(command, folder=None, **environment):
    """Run a program to its end.

    Parameters
    ----------
    command : sequence
        Its words.
    folder : path-like, optional
        Where it runs.
    **environment : str
        Variables set for it.

    Returns
    -------
    tuple of float
        CPU seconds (user and system) and peak memory in GB. A child's peak begins with what its
        parent holds: call from a small process.
    """
    process = subprocess.Popen(
        list(map(str, command)),
        cwd=folder,
        env=os.environ | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command[0]} ended with status {os.waitstatus_to_exitcode(status)}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e9
