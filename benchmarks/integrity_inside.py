"""What share of a campaign's CPU seconds guarding data takes, measured inside of its processes.

    .venv/bin/python benchmarks/integrity_inside.py [--only ccd nircam] [--rounds 3]

The campaigns of `integrity.py` are run from their locks by the workflow. In every process, that of
Snakemake included, the CPU time of each call that looks at an opened file, sums, compares, records,
seals or flushes is added up. It changes with the speed of the machine as the whole does, so that
the share is known to a tenth of a percent, where two runs of one program differ by ten. Left out
are sums that a program asks for itself, as it did before (its provenance states the SHA-256 of its
inputs), and all that fetches or simulates. Added is what looking at every event takes that Python
announces. By what sums slow down other work, as they pass through its caches, is not seen here.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import integrity

# Of each module what is timed.
TIMED = {
    "integrity/watch.py": ("_note", "settle", "compare", "is_intact", "content_of", "reading"),
    "integrity/recording.py": (
        "record", "record_ahead", "forget_record", "is_unrecorded", "keep_record",
    ),
    "integrity/seals.py": ("sealed", "seal_fault", "text_fault", "is_sealed_text"),
    "integrity/seen.py": ("expect",),
    "atomic.py": ("flush",),
}  # fmt: skip
CLOCK = r'''
import atexit, functools, os, sys, threading, time

spent, sums, asked, events, here = {{}}, {{}}, set(), 0, threading.local()


def timed(name, work, path_too=False):
    """Add up the CPU time of a call, if it is not within another one that is timed."""
    @functools.wraps(work)
    def call(*arguments, **named):
        outermost, here.within = not getattr(here, "within", False), True
        begun = time.thread_time()
        try:
            return work(*arguments, **named)
        finally:
            took = time.thread_time() - begun
            if path_too:
                path = os.path.abspath(arguments[0])
                sums[path] = sums.get(path, 0.0) + took
            if outermost:
                here.within = False
                spent[name] = spent.get(name, 0.0) + took
    return call


def asking(work):
    """Remember of which files the program itself asks for the sum."""
    @functools.wraps(work)
    def call(path, *arguments):
        asked.add(os.path.abspath(path))
        return work(path, *arguments)
    return call


def count(event, arguments):
    global events
    events += 1


def end():
    from darkroom.integrity import watch
    begun = time.thread_time()
    for _ in range(20000):
        watch._audit("id", ())
    spent["events"] = events * (time.thread_time() - begun) / 20000
    spent["asked for"] = -sum(took for path, took in sums.items() if path in asked)
    spent["CPU"] = time.process_time()
    program = os.path.relpath(sys.argv[0], {scripts!r})
    lines = [f"{{program}}\t{{name}}\t{{took}}\n" for name, took in spent.items()]
    with open({file!r}, "a") as stream:
        stream.write("".join(lines))


def begin():
    global events
    spent.clear(), sums.clear(), asked.clear()
    events = 0


def leave(status, leave=os._exit):
    """A forked process ends without what is registered for the end."""
    end()
    leave(status)


sys.addaudithook(count)
atexit.register(end)
os.register_at_fork(after_in_child=begin)
os._exit = leave
'''


def time_calls(side: Path, file: Path) -> None:
    """Let the programs of a checkout write what they spend on guarding data to a file."""
    library = side / "scripts" / "darkroom"
    text = CLOCK.format(file=str(file), scripts=str(side / "scripts"))
    (library / "integrity" / "clock.py").write_text(text, encoding="utf-8")
    lines = dict.fromkeys(TIMED, "\nfrom darkroom.integrity import clock\n")
    for module, names in TIMED.items():
        for name in names:
            lines[module] += f"{name} = clock.timed({name!r}, {name})\n"
    lines["integrity/watch.py"] += "_complete = clock.timed('sums', _complete, True)\n"
    lines["provenance.py"] = (
        "\nfrom darkroom.integrity import clock\n"
        "sha256, content_of = clock.asking(sha256), clock.asking(content_of)\n"
    )
    for module, text in lines.items():
        with (library / module).open("a", encoding="utf-8") as stream:
            stream.write(text)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    known = integrity.campaigns()
    parser.add_argument("--only", nargs="+", choices=[*known], default=[*known])
    parser.add_argument("--rounds", type=int, default=3, help="how often (default: 3)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        side = integrity.checkout(Path(scratch, "checkout"), without=False)
        file = Path(scratch, "spent.tsv")
        time_calls(side, file)
        for name in arguments.only:
            integrity.run_once(side, name, known[name])
            for _ in range(arguments.rounds):
                shutil.rmtree(side / "results")
                file.write_text("", encoding="utf-8")
                command = f"{sys.executable} -m snakemake all --cores 1 --quiet all"
                whole = integrity.cpu_of(f"{command} --config campaign={name}.yaml", side)
                report(name, whole, file)


def report(name: str, whole: float, file: Path) -> None:
    """Print the share of a run, of its programs alone, and of what it consists.

    Parameters
    ----------
    name : str
        The campaign.
    whole : float
        CPU seconds of all its processes.
    file : pathlib.Path
        What they wrote: program, kind and CPU seconds in each line.
    """
    rows = [line.split("\t") for line in file.read_text(encoding="utf-8").splitlines()]
    programs, guarding, in_programs, kinds = 0.0, 0.0, 0.0, defaultdict(float)
    for program, kind, text in rows:
        took, own = float(text), program.endswith(".py") and not program.startswith("..")
        if Path(program).stem in integrity.LEFT_OUT:
            whole -= took if kind == "CPU" else 0.0
        elif kind == "CPU":
            programs += took if own else 0.0
        else:
            guarding += took
            in_programs += took if own else 0.0
            kinds[kind] += took
    print(
        f"{name}: {guarding:.2f} of {whole:.2f} CPU s, {100 * guarding / (whole - guarding):.2f} % "
        f"more; programs: {in_programs:.2f} of {programs:.2f}, "
        f"{100 * in_programs / (programs - in_programs):.2f} % more"
    )
    print("  " + ", ".join(f"{k} {v:.3f}" for k, v in sorted(kinds.items(), key=lambda p: -p[1])))


if __name__ == "__main__":
    main()
