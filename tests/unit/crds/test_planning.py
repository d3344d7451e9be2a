"""What the CRDS rules ask of a campaign."""

from darkroom.crds.planning import References
from darkroom.pipelines import pipelines
from plans import a_plan

ITEMS = {
    "dark": {"instrument": "nircam"},
    "visit": {"instrument": "wfc3"},
    "camera": {"instrument": "ccd"},
    "empty": {"instrument": "nircam"},
}
ROWS = [("dark", "dark", "d1", {}), ("visit", "science", "v1", {})]


def references(folder, kind="local"):
    plan = a_plan(folder, ITEMS, ROWS, kind)
    return References(plan, pipelines(plan))


def test_each_item_needs_the_references_of_its_observatory(tmp_path):
    found = references(tmp_path)
    assert [found.observatory_of(item) for item in ITEMS] == ["jwst", "hst", None, "jwst"]
    assert found.of_items("jwst") == ["results/c/dark/references.json"]
    assert found.mappings("visit") == ["results/c/crds/hst.mappings"]
    assert found.tables() == ["results/c/crds/hst.tsv", "results/c/crds/jwst.tsv"]


def test_options_name_context_kinds_and_server(tmp_path):
    found = references(tmp_path)
    assert found.context_options("jwst") == "--context jwst_1234.pmap --instruments nircam"
    assert found.context_options("hst") == "--context hst_1234.pmap --instruments wfc3"
    options = found.bestrefs_options("dark")
    assert options.startswith("--context jwst_1234.pmap --kinds linearity mask")
    assert options.endswith("--optional-kinds sirskernel")
    assert found.bestrefs_options("visit").endswith("--optional-kinds dfltfile lfltfile")
    assert "--server" not in found.place("hst")
    assert "--server https://hst-crds.stsci.edu --timeout 600" in found.place("hst", asking=True)
    assert found.place_of("dark") == found.place("jwst")
    assert found.pins_option().startswith("--pins ")


def test_simulated_references_are_made_first_and_not_pinned(tmp_path):
    found = references(tmp_path, kind="simulated")
    assert found.source("jwst") == ["results/c/crds/config/jwst/server_config"]
    assert references(tmp_path).source("jwst") == []
    # What a rule chooses is made anew under the same name when the simulation changes.
    source = "results/c/crds/config/hst/server_config"
    assert found.mappings("visit") == ["results/c/crds/hst.mappings", source]
    assert found.pins_option() == ""
    assert found.tables() == []
    assert found.simulate_options("hst").startswith("--context hst_0001.pmap --kinds bpixtab")
