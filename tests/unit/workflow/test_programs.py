"""Digests follow what a program uses and nothing else; a folder is held by one run at a time."""

import ast
import asyncio
import functools
import gc
import hashlib
import inspect
import os
import subprocess
import sys
import threading
import time
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
import snakemake.api
import snakemake.io
from snakemake.common import (
    get_function_params,
    get_input_function_aux_params,
    overwrite_function_params,
)
from snakemake.exceptions import ChildIOException
from snakemake.io import IOFile, _IOFile, temp
from snakemake.output_index import OutputIndex
from snakemake.scheduling.job_scheduler import JobRateLimiter
from snakemake.settings.types import MaxJobsPerTimespan

from darkroom.errors import DarkroomError
from darkroom.workflow import programs as workflow
from darkroom.workflow import speed
from darkroom.workflow.hold import hold_folder
from darkroom.workflow.programs import Programs


@pytest.fixture
def base(tmp_path, monkeypatch):
    """Return a little workflow: one program, its helper, a template, and what it does not use."""
    files = {
        "scripts/make.py": "def main():\n    from darkroom.page import render\n",
        "scripts/other.py": "import json\n",
        "scripts/darkroom/__init__.py": "",
        "scripts/darkroom/page/__init__.py": "from darkroom.page.render import render\n",
        "scripts/darkroom/page/render.py": "from darkroom import errors\nPAGE = 'page.html'\n",
        "scripts/darkroom/page/page.html": "<p>",
        "scripts/darkroom/errors.py": "",
        "scripts/darkroom/unused.py": "",
        "scripts/darkroom/plugin.py": "import darkroom.unused\n",
        "envs/tools.txt": "numpy==1\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def digest(base, *modules):
    for function in ("_digest", "_closure", "_uses", "_imports", "_beside", "_module_files"):
        getattr(workflow, function).cache_clear()
    return Programs(base, conda=False).digest("tools", "make", *modules)


@pytest.mark.parametrize(
    "name",
    [
        "scripts/make.py",
        "scripts/darkroom/page/__init__.py",
        "scripts/darkroom/page/render.py",
        "scripts/darkroom/page/page.html",
        "scripts/darkroom/errors.py",
        "envs/tools.txt",
    ],
)
def test_an_edit_of_what_is_used_changes_the_digest(base, name):
    before = digest(base)
    (base / name).write_text((base / name).read_text() + "# edited\n")
    assert digest(base) != before


@pytest.mark.parametrize("name", ["scripts/other.py", "scripts/darkroom/unused.py"])
def test_an_edit_of_what_is_not_used_changes_nothing(base, name):
    before = digest(base)
    (base / name).write_text("edited = 1\n")
    assert digest(base) == before


def parsed_imports(source):
    """Return what Python's own parser says is imported of the library."""
    names = set()
    tree = ast.parse(source.read_text(encoding="utf-8"))
    for block in ast.walk(tree):
        # What type checkers alone import never runs.
        if isinstance(block, ast.If) and getattr(block.test, "id", "") == "TYPE_CHECKING":
            block.body = [ast.Pass()]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "load_kernel":
            names.add(node.args[0].value if isinstance(node.args[0], ast.Constant) else "")
    return {name for name in names if name.split(".")[0] == "darkroom"}


def test_the_pattern_finds_in_every_file_the_imports_that_the_parser_finds():
    library = Path(workflow.__file__).parents[2]
    unlike = {
        path.name
        for path in library.rglob("*.py")
        if workflow._imports(path) != parsed_imports(path)
    }
    assert unlike == set()


@pytest.mark.parametrize(
    "text",
    [
        "from darkroom.a import b as c, d\n",
        "from darkroom.a import (  # why\n    b,  # this\n    d as e,\n)\n",
        "def f():\n    import darkroom.a.b, json\n    from darkroom import a\n",
        "import json, darkroom.a as x  # darkroom.c\n",
        "if TYPE_CHECKING:\n    import darkroom.a\n\n    import darkroom.b\nimport darkroom.c\n",
        'load_kernel("darkroom.a.kernel").add(1)\nload_kernel(\n    "darkroom.b", float\n)\n',
    ],
)
def test_every_way_to_write_an_import_is_found(tmp_path, text):
    source = tmp_path / "source.py"
    source.write_text(text)
    assert workflow._imports(source) == parsed_imports(source)


def test_modules_imported_by_name_count_when_given(base):
    before = digest(base, "darkroom.plugin")
    assert before != digest(base)
    (base / "scripts/darkroom/unused.py").write_text("edited = 1\n")
    assert digest(base, "darkroom.plugin") != before


def test_commands_use_the_toolset_or_what_conda_activates(base):
    plain = Programs(base, conda=False)("tools", "make", "--campaign x", "")
    assert " ./.venvs/tools/bin/python ./scripts/make.py --campaign x " in plain
    assert " python ./scripts/make.py " in Programs(base, conda=True)("tools", "make")


def test_a_second_run_in_a_folder_is_refused_until_the_first_is_gone(base):
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time; from darkroom.workflow.hold import hold_folder\n"
            "hold_folder('.', ['all']); print('held', flush=True); time.sleep(60)",
        ],
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": str(Path(workflow.__file__).parents[2])},
    )
    try:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(DarkroomError, match=f"another run is at work .*process {holder.pid}"):
            hold_folder(".", ["all"])
        hold_folder(".", ["status"])
    finally:
        holder.kill()
        holder.wait()
    hold_folder(".", ["all"])


def test_what_a_rules_functions_are_called_with_is_found_once(monkeypatch):
    """Snakemake asks for it several times for each job."""

    def listed(wildcards):
        return wildcards

    def settings(wildcards, input):
        return wildcards, input

    def memory(wildcards, attempt, **more):
        return wildcards, attempt, more

    functions = (listed, settings, memory)
    before = [dict(get_function_params(function)) for function in functions]
    unpacked = SimpleNamespace(callable=listed)
    resource = SimpleNamespace(_evaluator=memory)
    rule = SimpleNamespace(
        input=["a.fits", unpacked], params=[settings, 5], resources={"mem_mb": resource, "x": 1}
    )
    speed.remember_parameters([rule], overwrite_function_params)
    monkeypatch.delattr(inspect, "signature")
    assert [get_function_params(function) for function in functions] == before
    offered = {"input": 1, "attempt": 2}
    assert get_input_function_aux_params(settings, offered) == {"input": 1}
    assert get_input_function_aux_params(memory, offered) == offered


def _listed(wildcards):
    return [wildcards.item]


def _flags_of(io):
    """Return for each kind of name, and each flag asked for, what Snakemake says."""
    names = ["plain", io.temp("a"), io.directory("b/"), io.ancient(io.IOFile("c", None)), Path("d")]
    names += [io.IOFile(name, None) for name in names if isinstance(name, str)]
    names += [io.IOFile(io.IOFile(io.temp("e"), None), None), io.unpack(_listed)]
    names += [io.IOFile(_listed, None)]
    off = io.IOFile(io.temp("g"), None)
    off.flags["temp"] = False
    return [
        io.is_flagged(name, flag)
        for name in [*names, off]
        for flag in ("temp", "directory", "ancient", "unpack", "storage_object")
    ]


def test_flags_of_a_file_name_are_those_that_snakemake_finds(monkeypatch):
    original, user = snakemake.io.is_flagged, SimpleNamespace()
    before = _flags_of(snakemake.io)
    assert any(before)  # of these names some have flags
    monkeypatch.setattr(snakemake.io, "is_flagged", original)  # put back afterwards
    speed.look_up_flags(snakemake.io, user)
    assert snakemake.io.is_flagged is user.is_flagged is not original
    assert _flags_of(snakemake.io) == before


def test_file_names_are_compared_as_what_they_were_made_from():
    class File(_IOFile):
        __eq__, __hash__ = _IOFile.__eq__, _IOFile.__hash__

    def listed(wildcards):
        return "a"

    given = ["a", "a/", "b", temp("a"), Path("a"), listed, _listed]

    def found():
        files = [File(one, None) for one in given]
        others = ["a", "b", *files, 5, None]
        same = [[file == other for other in others] for file in files]
        among = [[other in {file} for other in others] for file in files]
        return same, among, [[file != other for other in others] for file in files]

    before = found()
    speed.compare_as_text(File)
    assert "__eq__" not in vars(File)
    assert found() == before
    speed.compare_as_text(File)


@pytest.mark.parametrize(
    ("outputs", "refused"),
    [
        ([["a/b"], ["a/c"], ["ab"]], False),
        ([["a/b"], ["a"]], True),
        ([["a"], ["a-b"], ["a/b/c/d"]], True),
        ([["a", "a/b"]], False),  # of one job
        ([["./a"], ["x/../a/b"]], False),  # Snakemake compares names as they are written
        ([["{here}/a"], ["a/b"]], True),
    ],
)
def test_outputs_in_a_folder_of_another_job_are_refused(outputs, refused):
    @functools.total_ordering
    class Job:
        def __init__(self, output):
            self.output, self.rule = [name.format(here=Path.cwd()) for name in output], "rule"

        def __lt__(self, other):
            return self.output < other.output

    class Plan:
        check_directory_outputs = snakemake.dag.DAG.check_directory_outputs

    plans = Plan()
    plans.jobs = [Job(output) for output in outputs]
    for _ in range(3):  # Snakemake's own, ours, and ours set twice
        with pytest.raises(ChildIOException) if refused else nullcontext():
            plans.check_directory_outputs()
        speed.look_for_folders_first(Plan)


def test_dead_cycles_are_looked_for_rarely():
    before = gc.get_threshold()
    try:
        speed.collect_rarely()
        assert gc.isenabled()
        assert gc.get_threshold()[0] > 10 * 700
    finally:
        gc.set_threshold(*before)


def test_compiled_loops_get_the_threads_that_snakemake_grants(tmp_path):
    scripts = Path(__file__).parents[3] / "scripts"
    (tmp_path / "loops.py").write_text(
        "import os\nfrom darkroom.cli import run\n"
        "run(lambda: print(os.environ['NUMBA_NUM_THREADS']))\n"
    )
    (tmp_path / "Snakefile").write_text(
        'rule loops:\n    output: "told"\n    threads: 3\n'
        f'    shell: "PYTHONPATH={scripts} {sys.executable} loops.py > {{output}}"\n'
    )
    command = [sys.executable, "-m", "snakemake", "--cores", "3", "--quiet", "all"]
    # Whatever a person's own environment says: a job keeps to its threads.
    own = {**os.environ, "NUMBA_NUM_THREADS": "64"}
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, env=own)
    assert (tmp_path / "told").read_text() == "3\n"


def test_a_list_of_threads_is_left_to_those_who_read_it(tmp_path):
    scripts = Path(__file__).parents[3] / "scripts"
    told = "import os; from darkroom.cli import run; "
    told += "run(lambda: print(os.environ.get('NUMBA_NUM_THREADS')))"
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_NUM_THREADS"}
    environment |= {"OMP_NUM_THREADS": "4,2", "PYTHONPATH": str(scripts)}
    done = subprocess.run(
        [sys.executable, "-c", told], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "None\n"


def test_a_table_that_a_module_does_not_name_is_not_of_its_digest(base):
    before = digest(base)
    (base / "scripts/darkroom/page/other.json").write_text("{}")
    assert digest(base) == before
    (base / "scripts/darkroom/page/render_wide.json").write_text("{}")
    assert digest(base) != before


def test_a_large_file_is_summed_once_until_it_changes(tmp_path):
    class File:
        is_storage, read = False, 0

        def __init__(self, path):
            self.file = path

        async def checksum(self, threshold=None, *_):
            File.read += 1
            text = Path(self.file).read_bytes()
            return hashlib.sha256(text).hexdigest() if len(text) <= threshold else None

    speed.remember_checksums(File)
    speed.remember_checksums(File)
    path = tmp_path / "product.fits"
    path.write_bytes(b"a" * 200_000)

    def summed(*arguments):
        return asyncio.run(File(path).checksum(*arguments))

    first = summed(10**9)
    assert summed(10**9) == first == hashlib.sha256(b"a" * 200_000).hexdigest()
    assert File.read == 1
    assert summed(1000) is None
    # The same size and date: the content is what counts.
    status = path.stat()
    path.write_bytes(b"b" * 200_000)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert summed(10**9) == hashlib.sha256(b"b" * 200_000).hexdigest()
    assert summed(10**9, True) != first
    assert File.read == 4


def scheduler_of(most):
    """Return a scheduler that may start so many jobs in a tenth of a second."""

    class Scheduler:
        def __init__(self):
            self._open_jobs = threading.Semaphore(0)
            self.job_rate_limiter = JobRateLimiter(MaxJobsPerTimespan(most, "100ms"))

    speed.evaluate_once(Scheduler)
    return Scheduler()


def test_the_scheduler_waits_for_one_reason_at_a_time():
    scheduler = scheduler_of(2)
    scheduler.job_rate_limiter.register_jobs(2)
    for _ in range(100):
        scheduler._schedule_reevalutation(0.1)
    assert scheduler._open_jobs.acquire(timeout=10)
    # It has chosen again, and may wait again; the 99 others made no timer.
    assert not scheduler._open_jobs.acquire(timeout=0.3)
    scheduler._schedule_reevalutation(0.1)
    assert scheduler._open_jobs.acquire(timeout=10)


def test_the_scheduler_chooses_again_where_the_rate_held_jobs_back_and_not_each_second():
    scheduler = scheduler_of(3)
    limiter = scheduler.job_rate_limiter
    # A choice of nothing, as all that there is room for runs already.
    scheduler._schedule_reevalutation(0.1)
    limiter.register_jobs(2)
    scheduler._schedule_reevalutation(0.1)
    assert not scheduler._open_jobs.acquire(timeout=0.3)
    # In this span of time as many as are allowed, in two choices; starting them took long.
    limiter.register_jobs(1)
    limiter.register_jobs(2)
    time.sleep(0.2)
    scheduler._schedule_reevalutation(0.1)
    assert scheduler._open_jobs.acquire(timeout=10)
    assert limiter.get_free_jobs() == 3
    scheduler._schedule_reevalutation(0.1)
    assert not scheduler._open_jobs.acquire(timeout=0.3)
    # What has nothing to do with the rate is waited for.
    scheduler._schedule_reevalutation(0.05)
    assert scheduler._open_jobs.acquire(timeout=10)
    scheduler.job_rate_limiter = None
    scheduler._schedule_reevalutation(0.1)
    assert scheduler._open_jobs.acquire(timeout=10)


def test_rules_are_found_by_how_the_name_of_a_file_ends():
    class Rule:
        def __init__(self, *patterns):
            self.files = [IOFile(pattern) for pattern in patterns]

        def products(self):
            return iter(self.files)

        def is_producer(self, target):
            return any(file.match(target) for file in self.files)

    class Faster(OutputIndex):
        pass

    speed.find_by_end(Faster)
    rules = [
        Rule("r/{item}/flat.fits", "r/{item}/{name}_flat.fits"),
        Rule("r/{item}/{name}.fits"),
        Rule("r/{item}/list"),
        Rule("r/report/index.html"),
        Rule("{any}"),
        Rule("r/{item,[a-z]+}/{name}.json"),
    ]
    known, faster = OutputIndex(rules), Faster(rules)
    targets = (
        "r/a/flat.fits", "r/a/b_flat.fits", "r/a/b.fits", "r/a/list", "r/report/index.html", "x",
        "r/a/b.json", "r/1/b.json", "r/list", "list", "s/a/list", "",
    )  # fmt: skip
    for _ in range(2):
        for target in targets:
            assert faster.match_producers(target) == known.match_producers(target)
    # Who asks may change what it was given.
    faster.match_producers("r/a/flat.fits").clear()
    assert faster.match_producers("r/a/flat.fits") == {rules[0], rules[1], rules[4]}
