"""What the engine of NIRCam's steps follows: digests of the pipeline's code.

    .venvs/jwst/bin/python tests/chain_followed.py

prints the digests of the installed versions as JSON, for the table in
tests/unit/chain/chain_followed.json. Before a digest is replaced, the section of the page that it
belongs to is read again, and the matrix of tests/unit/chain/test_chain_parity.py is run.
"""

import ast
import hashlib
import json
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

#: Modules (and schemas) by the section of docs/nircam-engine.md that describes them.
FOLLOWED = {
    "jwst.group_scale.group_scale": "group_scale",
    "jwst.dq_init.dq_initialization": "dq_init",
    "jwst.saturation.saturation": "saturation",
    "stcal.saturation.saturation": "saturation",
    "jwst.ipc.ipc_corr": "ipc",
    "jwst.superbias.bias_sub": "superbias",
    "jwst.refpix.refpix_step": "refpix",
    "jwst.refpix.reference_pixels": "refpix",
    "jwst.refpix.optimized_convolution": "refpix",
    "jwst.linearity.linearity": "linearity",
    "stcal.linearity.linearity": "linearity",
    "jwst.dark_current.dark_current_step": "dark_current",
    "stcal.dark_current.dark_sub": "dark_current",
    "stcal.dark_current.dark_class": "dark_current",
    "jwst.lib.reffile_utils": "references",
    "stdatamodels.dynamicdq": "references",
    "stdatamodels.jwst.datamodels.dqflags": "references",
    **{
        f"stdatamodels.jwst.datamodels/schemas/{name}.schema.yaml": "references"
        for name in ("ramp", "mask", "saturation", "superbias", "linearity", "dark")
    },
    "scipy.stats._stats_py:sigmaclip": "refpix",
}
#: Step classes, whose default parameters are those of the engine.
STEPS = {
    "group_scale": ("jwst.group_scale", "GroupScaleStep"),
    "dq_init": ("jwst.dq_init", "DQInitStep"),
    "saturation": ("jwst.saturation", "SaturationStep"),
    "ipc": ("jwst.ipc", "IPCStep"),
    "superbias": ("jwst.superbias", "SuperBiasStep"),
    "refpix": ("jwst.refpix", "RefPixStep"),
    "linearity": ("jwst.linearity", "LinearityStep"),
    "dark_current": ("jwst.dark_current", "DarkCurrentStep"),
}
PACKAGES = ("jwst", "stcal", "stdatamodels", "scipy", "numpy")


def shape_of(node):
    """Return a syntax tree as nested lists: without docstrings, places and empty fields."""
    if isinstance(node, ast.AST):
        fields = []
        for name, value in ast.iter_fields(node):
            if name == "body" and isinstance(value, list):
                value = [one for one in value if not _is_text(one)]
            if value not in (None, []):
                fields.append([name, shape_of(value)])
        return [type(node).__name__, fields]
    if isinstance(node, list):
        return [shape_of(one) for one in node]
    return repr(node)


def _is_text(node):
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def digest(source, name=""):
    """Return the digest of Python code, or of one function in it."""
    tree = ast.parse(source)
    if name:
        tree = next(
            node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name
        )
    return hashlib.sha256(json.dumps(shape_of(tree)).encode()).hexdigest()[:16]


def digests():
    """Return the digests of the installed versions; "missing" for a module that is not there."""
    found = {}
    for name in FOLLOWED:
        module, _, function = name.partition(":")
        package, _, file = module.partition("/")
        try:
            origin = Path(find_spec(package).origin)
            if file:
                text = (origin.parent / file).read_bytes()
                found[name] = hashlib.sha256(text).hexdigest()[:16]
            else:
                found[name] = digest(origin.read_text(encoding="utf-8"), function)
        except (AttributeError, ModuleNotFoundError, OSError, StopIteration):
            found[name] = "missing"
    return found


def parameters():
    """Return the default parameters of each step, without those that every step has."""
    from importlib import import_module

    from darkroom.nircam.steps import _HOUSEKEEPING

    found = {}
    for name, (module, kind) in STEPS.items():
        step = getattr(import_module(module), kind)()
        pars = {key: value for key, value in step.get_pars().items() if key not in _HOUSEKEEPING}
        found[name] = {key: pars[key] for key in sorted(pars)}
    return found


def sums():
    """Return mean and standard deviation of fixed numbers, as numpy adds them up."""
    import numpy as np

    numbers = (np.arange(1024, dtype=np.uint64) * np.uint64(2654435761)) % np.uint64(1 << 32)
    values = 9000 + numbers.astype(np.float64) / (1 << 32) * 100
    found = {}
    for kind in (np.float32, np.float64):
        these = values.astype(kind)
        found[kind.__name__] = [float(these.mean()).hex(), float(these.std()).hex()]
    return found


def followed():
    """Return all that is followed."""
    return {
        "versions": {name: version(name) for name in PACKAGES},
        "digests": digests(),
        "parameters": parameters(),
        "sums": sums(),
    }


if __name__ == "__main__":
    import sys

    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))
    print(json.dumps(followed(), indent=1))
