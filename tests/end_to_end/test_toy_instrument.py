"""An instrument is added as CONTRIBUTING.md says, and nothing else is edited."""

import hashlib
import json
from pathlib import Path

import pytest
from astropy.io import fits

from end_to_end.conftest import Checkout
from end_to_end.documented import example_campaign, follow, make_settings, run, run_test

pytestmark = pytest.mark.end_to_end
TITLE = "Add an instrument"
PLACES = ("scripts/darkroom/toy/", "scripts/toy/", "rules/toy.smk", "tests/unit/toy/", "toy.yaml")


def digests(folder):
    """Return the SHA-256 of each file of the repository in a folder."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for top in ("config", "envs", "profiles", "rules", "scripts", "tests", "Snakefile")
        for path in [folder / top, *(folder / top).rglob("*")]
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """Give a checkout with the toy instrument, and what was written to add it."""
    checkout = Checkout(tmp_path_factory.mktemp("toy") / "checkout")
    checkout.before = digests(checkout.folder)
    checkout.touched = follow(checkout, TITLE)
    checkout.written = make_settings(checkout).split()
    return checkout


def test_only_its_own_places_and_one_line_are_touched(toy):
    line = "scripts/darkroom/pipelines.py"
    documents = ["config/schemas/campaign.schema.json", "config/README.md"]
    assert [name for name in toy.touched if not name.startswith(PLACES)] == [line]
    assert sorted(toy.written) == sorted(documents)
    after = digests(toy.folder)
    changed = {name for name, digest in toy.before.items() if after.get(name) != digest}
    assert changed == {line, *documents}


def test_its_settings_are_in_schema_and_tables(toy):
    schema = json.loads((toy.folder / "config/schemas/campaign.schema.json").read_text())
    item = schema["properties"]["items"]["additionalProperties"]["properties"]
    assert "toy" in item["instrument"]["enum"]
    assert item["toy"]["properties"]["estimator"]["enum"] == ["mean", "median"]
    page = (toy.folder / "config/README.md").read_text(encoding="utf-8")
    assert "| `estimator` | `mean`, `median` | `mean` | Estimator of the level of a pixel |" in page
    assert "| `read_noise` | ADU | `3` | Read noise |" in page
    assert make_settings(toy) == "schema and tables are up to date\n"


@pytest.mark.parametrize(
    "name",
    [
        "tests/unit/toy/test_level.py",
        "tests/unit/campaign/test_settings.py",
        "tests/unit/house/test_names.py",
        "tests/unit/house/test_layout.py",
    ],
)
def test_its_tests_and_those_of_the_house_pass(toy, name):
    run_test(toy, name)


@pytest.mark.parametrize("check", ["ruff check", "ruff format --check", "snakefmt --check"])
def test_the_checks_of_make_lint_pass(toy, check):
    suffix = ".smk" if check.startswith("snakefmt") else ".py"
    files = [name for name in toy.touched if name.endswith(suffix)]
    run(toy, ".venv/bin/python", "-m", *check.split(), *files)


def test_its_campaign_runs_to_product_and_report(toy):
    toy.snakemake("lock", "--config", "campaign=toy.yaml")
    jobs = toy.jobs("--config", "campaign=toy.yaml")
    assert (jobs["fetch"], jobs["toy_level"], jobs["report"]) == (1, 1, 1)
    toy.snakemake("--config", "campaign=toy.yaml")
    results = Path(toy.folder, "results", "toy")
    with fits.open(results / "bench" / "level.fits") as product:
        error = product["ERR"].data.mean() / product["ERR"].data.size ** 0.5
        assert abs(product["SCI"].data.mean() - level_asked_for()) < 5 * error
        assert "setting estimator = " in str(product[0].header["HISTORY"])
    page = (results / "report/items/bench.html").read_text(encoding="utf-8")
    assert "The level of each pixel, from 4 darks." in page
    assert toy.jobs("--config", "campaign=toy.yaml") == {}


def level_asked_for():
    return example_campaign(TITLE)["items"]["bench"]["simulate"]["level"]


def test_an_edit_of_its_science_reruns_its_rule(toy):
    module = toy.folder / "scripts/darkroom/toy/level.py"
    module.write_text(module.read_text() + "\n# an edit\n")
    jobs = toy.jobs("--config", "campaign=toy.yaml")
    assert jobs == {"toy_level": 1, "report": 1, "all": 1}
