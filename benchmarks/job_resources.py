"""What jobs of finished campaigns needed, and the lines of a Slurm profile that ask for it.

    .venv/bin/python benchmarks/job_resources.py results/demo [results/...]

Reads the `benchmark:` tables that every run leaves. Memory asked is 1.5 times the most that was
measured, and 400 MB for the Snakemake of the job; time is four times the longest, at least five
minutes: a cluster's node may be slower and its disks busy. Both grow with each attempt.
"""

from __future__ import annotations

import csv
import math
import sys
from pathlib import Path

SNAKEMAKE_MB = 400
LEAST_MINUTES = 5


def measured(folders):
    """Return ``{rule: [(seconds, CPU seconds, MB), …]}`` of all jobs of some folders of results."""
    found = {}
    for folder in folders:
        for path in sorted(Path(folder, "benchmarks").rglob("*.tsv")):
            rule = path.relative_to(Path(folder, "benchmarks")).parts[0].removesuffix(".tsv")
            with path.open(newline="") as stream:
                for row in csv.DictReader(stream, delimiter="\t"):
                    # a job of less than a second has no figures of its process
                    values = [row[name] for name in ("s", "cpu_time", "max_rss")]
                    numbers = [0.0 if value in ("NA", "-") else float(value) for value in values]
                    found.setdefault(rule, []).append(tuple(numbers))
    return found


def asked(jobs):
    """Return ``(MB, minutes)`` to ask for a rule whose jobs were measured."""
    seconds = max(job[0] for job in jobs)
    memory = 1.5 * max(job[2] for job in jobs) + SNAKEMAKE_MB
    return 100 * math.ceil(memory / 100), max(LEAST_MINUTES, math.ceil(4 * seconds / 60))


def main(folders):
    """Print the table, then the lines."""
    rules = measured(folders)
    if not rules:
        return "no benchmark tables in these folders: give folders of results, as results/demo"
    print(f"# {'rule':<26} {'jobs':>5} {'longest s':>10} {'CPU s':>8} {'most MB':>8}")
    for rule, jobs in sorted(rules.items()):
        most = [max(job[k] for job in jobs) for k in range(3)]
        print(f"# {rule:<26} {len(jobs):>5} {most[0]:>10.1f} {most[1]:>8.1f} {most[2]:>8.0f}")
    print("set-resources:")
    for rule, jobs in sorted(rules.items()):
        memory, minutes = asked(jobs)
        print(f"  {rule}:\n    mem_mb: {memory} * attempt\n    runtime: {minutes} * attempt")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
