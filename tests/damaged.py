"""Damage of a file that nobody announces."""

import hashlib
import os


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


def damage(path, text="other"):
    """Write other bytes without a word to the watch."""
    before = path.stat()
    fd = os.open(path, os.O_WRONLY | os.O_TRUNC)
    os.write(fd, text.encode())
    os.close(fd)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
