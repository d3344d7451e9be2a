"""The programs of the workflow, run in the process of a test."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"


def load(name):
    """Return a program as a module, e.g. ``load("cgi/noise_maps")``.

    By its path, as Python runs it: a folder of programs is no package (and `cgi` was a module of
    Python's own library until 3.12).
    """
    spec = spec_from_file_location(name.replace("/", "_program_"), SCRIPTS / f"{name}.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
