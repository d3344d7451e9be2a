"""With `--sdm conda` the same rules run in the environments that conda makes of our YAML files.

No conda channel is needed: a stand-in for the client makes each environment of the venv built from
the same pins, or builds one from the YAML file with what PyPI has. So this shows that the rules ask
for the right environment and run in it, not that conda-forge has these versions or that they solve
together.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from astropy.io import fits

from end_to_end.conftest import SMALL, Checkout

ROOT = Path(__file__).resolve().parents[3]
# Snakemake and its executor alone: what a job finds here it has from its own environment.
BARE = ROOT / ".venvs" / "slurm" / "bin" / "python"
PRODUCT = "results/demo/raw/st402/bias_001.FIT"

# All that Snakemake asks of the client. An environment is found by the content of its YAML file,
# as Snakemake hands over a copy.
CLIENT = f"""#!{sys.executable}
import json, subprocess, sys
from pathlib import Path

root, here = Path({str(ROOT)!r}), Path(__file__).parent.parent

def build(toolset, wanted, prefix):
    # from PyPI; what the YAML file leaves open is as in the venv
    sys.path.insert(0, str(root / "envs"))
    import yaml
    from compile_locks import requirements
    from venvs import find_uv

    uv = str(find_uv())
    pins = here / "pins.txt"
    pins.write_text("\\n".join(requirements(yaml.safe_load(wanted))))
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(prefix)], check=True)
    install = [uv, "pip", "install", "--quiet", "--python", str(prefix / "bin" / "python")]
    constraint = ["--constraint", str(root / "envs" / (toolset + ".txt"))]
    subprocess.run([*install, "--requirement", str(pins), *constraint], check=True)

with open(here / "calls", "a") as calls:
    print(*sys.argv[1:], file=calls)
match sys.argv[1:3]:
    case ["info", _]:
        print(json.dumps({{"conda_prefix": str(here), "platform": "linux-64"}}))
    case ["--version"]:
        print("conda 25.1.0")
    case ["config", "--get"]:
        print(json.dumps({{"get": {{"channel_priority": "strict"}}}}))
    case ["env", "create"]:
        options = dict(zip(sys.argv[3:], sys.argv[4:]))
        wanted = Path(options["--file"]).read_bytes()
        toolset = next(p.stem for p in (root / "envs").glob("*.yaml") if p.read_bytes() == wanted)
        prefix = Path(options["--prefix"])
        if (here / "build").exists():
            build(toolset, wanted, prefix)
        else:
            prefix.mkdir(parents=True)
            for part in ("bin", "lib", "pyvenv.cfg"):
                (prefix / part).symlink_to(root / ".venvs" / toolset / part)
    case ["clean", _]:
        pass
    case _:
        sys.exit(f"the stand-in does not know: {{sys.argv[1:]}}")
"""


@pytest.fixture
def client(tmp_path):
    """Give the environment variables of somebody who has conda."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "conda"
    program.write_text(CLIENT)
    program.chmod(0o755)
    (tmp_path / "bin" / "activate").write_text('export CONDA_PREFIX="$1" PATH="$1/bin:$PATH"\n')
    return {**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}


def fetch_one(folder, *arguments, environment=None):
    """Make one simulated exposure in a folder of its own; return what Snakemake said."""
    command = [sys.executable, "-m", "snakemake", "results/demo/st402/batches/raw/0001.list"]
    command += ["--snakefile", ROOT / "Snakefile", "--directory", folder, "--printshellcmds"]
    # A batch of one: what else the item has is not asked for.
    command += [*arguments, "--config", "campaign=demo", "batch=1"]
    run = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout + run.stderr


def content(path):
    """Return the bytes of a FITS file without what tells when it was written."""
    with fits.open(path) as hdus:
        cards = [c for h in hdus for c in h.header.cards if c.keyword not in ("DATE", "CHECKSUM")]
        return [str(card) for card in cards], [h.data.tobytes() for h in hdus if h.data is not None]


def test_conda_mode_runs_in_condas_environment_and_makes_the_same_bytes(tmp_path, client):
    if not (ROOT / ".venvs/detector/bin/python").exists():
        pytest.skip("detector is not built: make setup")
    with_venv, with_conda = tmp_path / "venv", tmp_path / "conda"
    fetch_one(with_venv)
    said = fetch_one(with_conda, "--sdm", "conda", environment=client)
    calls = (tmp_path / "calls").read_text()
    assert calls.count("env create") == 1
    assert ".venvs/" not in said
    assert content(with_conda / PRODUCT) == content(with_venv / PRODUCT)


@pytest.mark.heavy
def test_a_campaign_runs_in_environments_built_from_the_yaml_files_alone(tmp_path, client):
    """Environments first, then the run, as documented; Snakemake's own Python has nothing."""
    if not BARE.exists():
        pytest.skip("an environment with Snakemake alone is not built: make setup-slurm")
    bare = [BARE, "-c", "import numpy, astropy"]
    assert subprocess.run(bare, capture_output=True, check=False).returncode != 0
    (tmp_path / "build").touch()
    checkout = Checkout(tmp_path / "checkout")
    (checkout.folder / ".venvs").unlink()
    less = {"bias": {"count": 3}, "darks": [{"count": 3, "exptime": 5.0}]}
    choice = checkout.campaign(simulate=SMALL | less)

    def snakemake(*arguments):
        done = subprocess.run(
            [BARE, "-m", "snakemake", *arguments, "--sdm", "conda", "--config", choice],
            cwd=checkout.folder,
            env=client,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    snakemake("lock")
    snakemake("--conda-create-envs-only")
    created = (tmp_path / "calls").read_text().count("env create")
    assert created == 1
    snakemake()
    assert (tmp_path / "calls").read_text().count("env create") == created
    assert (checkout.folder / "results/small/report/index.html").stat().st_size > 10_000
    # The venvs and conda make the same: nothing is run again by the other.
    (checkout.folder / ".venvs").symlink_to(ROOT / ".venvs")
    assert checkout.jobs("--config", choice) == {}


def test_a_program_runs_in_a_python_that_has_its_environment_and_nothing_else(tmp_path):
    python = ROOT / ".venvs/detector/bin/python"
    if not python.exists():
        pytest.skip("detector is not built: make setup")
    raw = tmp_path / "raw"
    # A copy: where the demo was run, its exposures are pinned, and the workflow says by what maker.
    campaign = shutil.copy(ROOT / "config/campaigns/demo.yaml", tmp_path / "demo.yaml")
    shutil.copy(ROOT / "config/locks/demo.tsv", tmp_path / "demo.lock.tsv")
    command = [python, "-E", "-s", ROOT / "scripts/archive/fetch.py", "--campaign", campaign]
    command += ["--item", "st402", "--names", "bias_001", "--folder-of-items", raw]
    command += ["--output", tmp_path / "0001.list"]
    done = subprocess.run(
        command, cwd=tmp_path, env={}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (raw / "st402/bias_001.FIT").stat().st_size > 500_000
