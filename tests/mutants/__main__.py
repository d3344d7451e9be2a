"""Change the modules that guard data in every small way, and see whether a test notices.

    make test-mutants

Options: names of modules (all of `MODULES`), `--show` to print each survivor as a diff,
`--sample N` for at most N changes of a module, drawn at random. The changes are those of
cosmic-ray, made in a copy of the repository.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_DECLARED = (
    "tests/unit/campaign/test_settings.py::test_schema_and_tables_are_those_of_the_declarations"
)
_BATCHES = ["tests/unit/batches/test_batches.py", "tests/unit/batches/test_products.py"]
#: Modules below scripts/darkroom/, and the tests that guard them.
MODULES = {
    "atomic": ["tests/unit/house/test_atomic.py"],
    "campaign/pins": [
        "tests/unit/campaign/test_lock.py",
        "tests/unit/campaign/test_pins_format.py",
    ],
    "transport/address": ["tests/unit/archive/test_failures.py"],
    "transport/download": ["tests/unit/archive/test_download.py"],
    "transport/token": ["tests/unit/archive/test_transfer.py"],
    "transport/transfer": [
        "tests/unit/archive/test_retries.py",
        "tests/unit/archive/test_transfer.py",
    ],
    "crds/description": [
        "tests/unit/crds/test_description.py",
        "tests/unit/crds/test_hostile.py",
        "tests/unit/crds/test_server.py",
    ],
    "crds/bestrefs": ["tests/unit/crds/test_choice.py"],
    "crds/cache": ["tests/unit/crds/test_cache_files.py"],
    "crds/certify": ["tests/unit/crds/test_choice.py"],
    "crds/environment": ["tests/unit/crds/test_choice.py"],
    "crds/fill": ["tests/unit/crds/test_filling.py"],
    "crds/lock": ["tests/unit/crds/test_lock.py"],
    "crds/planning": ["tests/unit/crds/test_planning.py"],
    "crds/references": ["tests/unit/crds/test_lists.py"],
    "crds/releases": ["tests/unit/crds/test_choice.py"],
    "crds/replaced": ["tests/unit/crds/test_choice.py"],
    "crds/server": ["tests/unit/crds/test_answers.py", "tests/unit/crds/test_hostile.py"],
    "crds/settings": ["tests/unit/crds/test_settings.py", _DECLARED],
    "integrity/digests": [
        "tests/unit/integrity/test_digests.py",
        "tests/unit/integrity/test_summing.py",
        "tests/unit/integrity/test_watch.py",
    ],
    "integrity/inputs": ["tests/unit/integrity/test_inputs.py"],
    "integrity/records": ["tests/unit/integrity/test_records.py"],
    "integrity/seals": ["tests/unit/integrity/test_seals.py"],
    "integrity/seen": [
        "tests/unit/integrity/test_recording.py",
        "tests/unit/integrity/test_watching.py",
    ],
    "integrity/recording": ["tests/unit/integrity/test_recording.py"],
    "integrity/watch": [
        "tests/unit/integrity/test_recording.py",
        "tests/unit/integrity/test_summing.py",
        "tests/unit/integrity/test_watching.py",
    ],
    "archive/arrivals": ["tests/unit/archive/test_arrivals.py"],
    "archive/local": [
        "tests/unit/archive/test_folders.py",
        "tests/unit/archive/test_receiving.py",
        "tests/unit/archive/test_room.py",
        "tests/unit/archive/test_entering.py",
    ],
    "archive/mast": [f"tests/unit/archive/test_{x}rows.py" for x in ("", "hst_", "jwst_")],
    "archive/mast_client": ["tests/unit/archive/test_client.py"],
    "archive/mast_hst": ["tests/unit/archive/test_hst_rows.py"],
    "archive/mast_jwst": ["tests/unit/archive/test_jwst_rows.py"],
    "archive/mast_server": ["tests/unit/archive/test_failures.py"],
    "archive/mast_tables": [f"tests/unit/archive/test_{x}rows.py" for x in ("", "hst_", "jwst_")],
    "archive/planning": ["tests/unit/archive/test_planning.py"],
    "archive/pool": ["tests/unit/archive/test_pool.py", "tests/unit/archive/test_workers.py"],
    "archive/settings": [_DECLARED],
    "archive/simulated": ["tests/unit/archive/test_simulated.py"],
    "archive/slots": [
        "tests/unit/archive/test_claims.py",
        "tests/unit/integrity/test_fence.py",
    ],
    "archive/receive": [
        "tests/unit/archive/test_copies.py",
        "tests/unit/archive/test_receiving.py",
    ],
    "archive/cloud": ["tests/unit/archive/test_cloud.py"],
    "archive/entering": ["tests/unit/archive/test_entering.py"],
    "archive/mast_files": ["tests/unit/archive/test_mast_files.py"],
    "archive/room": ["tests/unit/archive/test_room.py"],
    "archive/fetching": ["tests/unit/archive/test_fetching.py"],
    "batches/exposures": ["tests/unit/batches/test_batches.py"],
    "batches/making": ["tests/unit/batches/test_products.py"],
    "batches/notes": _BATCHES,
    "batches/planning": _BATCHES,
    "batches/step": _BATCHES,
}
#: The lowest share of mutants that a test notices, %.
LOWEST = 85.0
# `str | None` in a hint is never evaluated.
_HINTS = "core/ReplaceBinaryOperator_BitOr_.*"
_COSMIC = ROOT / ".venvs" / "mutants" / "bin"


def main():
    """Test the modules; return an exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--show", action="store_true", help="print the survivors")
    parser.add_argument("--sample", type=int, help="changes of a module at most")
    parser.add_argument("modules", nargs="*")
    arguments = parser.parse_args()
    low = []
    print("| module | mutants | killed | survived | score |\n|---|--:|--:|--:|--:|", flush=True)
    for module in arguments.modules or MODULES:
        survivors, killed = test(module, MODULES[module], arguments.sample)
        count = killed + len(survivors)
        score = 100 * killed / count
        row = f"| `{module}` | {count} | {killed} | {len(survivors)} | {score:.1f} % |"
        print(row, flush=True)
        low += [module] if score < LOWEST else []
        for diff in survivors if arguments.show else ():
            print(diff, file=sys.stderr, flush=True)
    if low:
        print(f"below {LOWEST} %: {', '.join(low)}", file=sys.stderr)
    return int(bool(low))


def test(module, tests, sample=None):
    """Return the diffs of the survivors, and how many were killed, of a sample or of all."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="darkroom-", dir=memory) as scratch:
        tree = Path(scratch, "tree")
        _copy(tree)
        address = Path(scratch, "socket")
        environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": scratch}
        python = [str(tree / ".venv" / "bin" / "python")]
        words = [*python, "tests/mutants/server.py", str(address)]
        begun = time.monotonic()
        subprocess.run(
            [*python, "-m", "pytest", "-q", "-x", *tests], cwd=tree, env=environment, check=True,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        limit = 10 + 3 * (time.monotonic() - begun)
        with subprocess.Popen([*words, str(limit), *tests], cwd=tree, env=environment) as server:
            try:
                while not address.exists():
                    time.sleep(0.05)
                command = f"{sys.executable} -S -E tests/mutants/ask.py {address}"
                return _session(tree, module, command, limit, sample)
            finally:
                server.kill()


def _copy(tree):
    """Copy what git knows, and link the environments."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)
    for name in (".venv", ".venvs"):
        (tree / name).symlink_to((ROOT / name).resolve())


def _session(tree, module, command, limit, sample):
    """Let cosmic-ray make its changes; return survivors and the number of killed ones."""
    (tree / "mutants.toml").write_text(
        f"""[cosmic-ray]
module-path = "scripts/darkroom/{module}.py"
timeout = {limit + 30:.0f}
excluded-modules = []
test-command = "{command}"
[cosmic-ray.distributor]
name = "local"
[cosmic-ray.filters.operators-filter]
exclude-operators = ["{_HINTS}"]
"""
    )
    for words in (
        ["cosmic-ray", "init", "mutants.toml", "session.sqlite"],
        ["cr-filter-operators", "session.sqlite", "mutants.toml"],
        ["cosmic-ray", "--verbosity", "ERROR", "exec", "mutants.toml", "session.sqlite"],
    ):
        if "exec" in words and sample:
            _draw(tree / "session.sqlite", sample)
        # By its Python: the programs of an environment die when the folder is moved.
        call = [str(_COSMIC / "python"), str(_COSMIC / words[0]), *words[1:]]
        subprocess.run(call, cwd=tree, check=True, capture_output=True)
    dump = [str(_COSMIC / "python"), str(_COSMIC / "cosmic-ray"), "dump", "session.sqlite"]
    lines = subprocess.run(dump, cwd=tree, check=True, capture_output=True, text=True).stdout
    survivors, killed = [], 0
    for line in lines.splitlines():
        _, result = json.loads(line)
        if result is None or result["worker_outcome"] == "skipped":
            continue
        if result["test_outcome"] == "survived":
            survivors.append(result["diff"])
        else:
            killed += 1
    return survivors, killed


def _draw(session, sample):
    """Leave a sample of the changes, the same each time."""
    with closing(sqlite3.connect(session)) as database, database:
        skipped = {row[0] for row in database.execute("SELECT job_id FROM work_results")}
        every = database.execute(
            "SELECT job_id, module_path, operator_name, occurrence FROM mutation_specs "
            "ORDER BY module_path, operator_name, occurrence"
        )
        jobs = [row[0] for row in every if row[0] not in skipped]
        random.Random(1).shuffle(jobs)
        for table in ("mutation_specs", "work_items"):
            database.executemany(
                f"DELETE FROM {table} WHERE job_id = ?",
                [(job,) for job in jobs[sample:]],
            )


if __name__ == "__main__":
    sys.exit(main())
