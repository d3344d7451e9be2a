"""Ask for known vulnerabilities of every package in the locks: `make audit`.

It asks the package index, so it needs a network. What could not be asked for is said, and is a
failure: an audit without answers is none. The exit status is 0 when every package was looked up and
has no known vulnerability, 1 when one has, 2 when some could not be looked up.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ENVS = Path(__file__).resolve().parent
SERVICE = ("pip_audit", "--require-hashes", "--disable-pip", "--no-deps", "--format", "json")


def ask(lock):
    """Return what is said of the packages of a lock, a list of dictionaries; or why nothing is."""
    command = [sys.executable, "-m", *SERVICE, "--progress-spinner", "off", "--requirement", lock]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        return json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        lines = done.stderr.strip().splitlines()
        return lines[-1] if lines else f"pip-audit ended with status {done.returncode}"


def sort_answers(answers):
    """Return known vulnerabilities and packages without an answer.

    Parameters
    ----------
    answers : dict
        ``{lock: answer}``, each as by `ask`.

    Returns
    -------
    found, unknown : list of str
        Sentences.
    """
    found, unknown = [], []
    for lock, answer in answers.items():
        if isinstance(answer, str):
            unknown.append(f"{lock}: {answer}")
            continue
        for package in answer:
            if "skip_reason" in package:
                unknown.append(f"{lock}: {package['name']}: {package['skip_reason']}")
            for one in package.get("vulns", ()):
                mended = ", ".join(one.get("fix_versions", ())) or "no version yet"
                which = f"{lock}: {package['name']} {package['version']}"
                found.append(f"{which}: {one['id']}, mended in {mended}")
    return found, unknown


def report(found, unknown, count):
    """Print what was found, and return the exit status."""
    print(*found, sep="\n", end="\n" if found else "")
    if unknown:
        print(*unknown[:5], sep="\n", file=sys.stderr)
        print(
            f"{len(unknown)} packages or locks could not be looked up: this says nothing of them; "
            "repeat it with a network that reaches the package index",
            file=sys.stderr,
        )
        return 1 if found else 2
    print(f"{len(found)} known vulnerabilities in the packages of {count} locks")
    return 1 if found else 0


def main():
    """Ask for every lock."""
    locks = sorted(ENVS.glob("*.txt"))
    answers = {f"envs/{lock.name}": ask(lock) for lock in locks}
    return report(*sort_answers(answers), len(locks))


if __name__ == "__main__":
    sys.exit(main())
