"""With `--sdm conda` the same rules run in the environments that conda makes of our YAML files.

No conda channel is needed: a stand-in for the client makes each environment of the venv built from
the same pins. So this shows that the rules ask for the right environment and run in it, not that
conda-forge has these versions or that they solve together.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from astropy.io import fits

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = "results/demo/raw/st402/bias_001.FIT"

# All that Snakemake asks of the client. An environment is found by the content of its YAML file,
# as Snakemake hands over a copy.
CLIENT = f"""#!{sys.executable}
import json, sys
from pathlib import Path

root, here = Path({str(ROOT)!r}), Path(__file__).parent.parent
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
    command = [sys.executable, "-m", "snakemake", "results/demo/raw/st402/bias_001.json"]
    command += ["--snakefile", ROOT / "Snakefile", "--directory", folder, "--printshellcmds"]
    command += [*arguments, "--config", "campaign=demo"]
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
