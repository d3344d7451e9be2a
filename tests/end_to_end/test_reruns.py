"""An edit or a changed number reruns exactly what it touches, on every instrument's pipeline.

The campaign is finished in seconds: by our own rules, with their inputs and params, each job makes
empty files of its products' names. Those are all that the plan of a second run looks at.
"""

import pytest

from darkroom.ccd.simulate import exposures as ccd
from darkroom.cgi.simulate import exposures as cgi
from darkroom.crds.cache import Cache
from darkroom.crds.references import read_references
from darkroom.nircam.simulate import exposures as nircam
from darkroom.wfc3.simulate import exposures as wfc3
from end_to_end.conftest import SMALL, Checkout

pytestmark = pytest.mark.end_to_end
CHOICE = "campaign=pipelines.yaml"
# item: its simulator, what that is asked for, its role and its pipeline
PIPELINES = {
    "camera": (ccd, SMALL, {"bias": "bias*", "dark": "dark*", "science": "target*"}, {}),
    "nrcalong": (
        nircam,
        {"detector": "NRCALONG", "subarray": "SUB160P", "exposures": 2, "nints": 1, "ngroups": 4},
        {"dark": "*.fits"},
        {},
    ),
    "visit": (
        wfc3,
        {"subarray": "SQ64SUB", "stars": 9, "blobs": 9, "exposures": [{}, {"dither": [2.0, 0.5]}]},
        {"science": "*_raw.fits"},
        {},
    ),
    "excam": (
        cgi,
        {"geometry": "small", "gains": [1.5, 500], "exptimes": [2, 100], "frames": 1},
        {"dark": "*.fits"},
        {"geometry": "geometry.json", "nonlinearity": "table.csv", "kgain": "kgain.fits"},
    ),
}
#: Files of a person that the settings of the coronagraph name.
NAMED = ("geometry.json", "table.csv", "kgain.fits")
CONTEXTS = {"jwst": {"context": "jwst_1234.pmap"}, "hst": {"context": "hst_1234.pmap"}}
EMPTY = """
include: "Snakefile"

from darkroom.campaign.pins import Pins


def empty_files(output_of_rule):
    def run(input, output, *others):
        for path, file in zip(map(Path, output), output_of_rule):
            if path.name == "pins.tsv":
                Pins().write(path)
            elif "directory" in file.flags:
                path.mkdir()
            else:
                path.touch()

    return run


for made in workflow.rules:
    made._benchmark = None
    made.run_func = made.run_func and empty_files(list(made.output))


# Ours counts exposures, of which there are none.
onsuccess:
    pass
"""


def write(checkout, changes=None, contexts=None):
    """Write the campaign; `changes` are those of an item's pipeline."""
    items = {}
    for name, (simulator, _, frames, pipeline) in PIPELINES.items():
        instrument = simulator.__name__.split(".")[1]
        patterns = {role: f"{name}/{pattern}" for role, pattern in frames.items()}
        changed = pipeline | (changes or {}).get(name, {})
        items[name] = {"instrument": instrument, "frames": patterns, instrument: changed}
    archive = {"kind": "local", "folder": "frames"}
    checkout.campaign("pipelines", archive=archive, items=items, crds=contexts or CONTEXTS)


@pytest.fixture(scope="module")
def finished_campaign(tmp_path_factory):
    """Give a checkout with a finished campaign of all pipelines."""
    checkout = Checkout(tmp_path_factory.mktemp("pipelines") / "checkout")
    for name, (simulator, settings, _, _) in PIPELINES.items():
        folder = checkout.folder / "frames" / name
        folder.mkdir(parents=True)
        for exposure in simulator.plan(settings):
            simulator.deliver(settings, exposure.name, folder / exposure.file)
    for name in NAMED:
        (checkout.folder / name).write_text("of a person")
    write(checkout)
    checkout.snakemake("lock", "--config", CHOICE)
    (checkout.folder / "Empty").write_text(EMPTY)
    checkout.snakemake("all", "--snakefile", "Empty", "--config", CHOICE)
    return checkout


END = ("report", "all")
READNOISE = ("readnoise", "readnoise_other", "certify", "nircam_figures", *END)
# What a step makes of the exposures is listed for each kind of output: statuses, measures.
REDUCED = {"step_list": 2} | dict.fromkeys(
    ("treat_reads", "combine_visit", "wfc3_figures", *END), 1
)


def once(*rules, **more):
    return dict.fromkeys(rules, 1) | more


def test_a_finished_campaign_has_nothing_to_do(finished_campaign):
    assert finished_campaign.jobs("--config", CHOICE) == {}


CCD_STACKS = ("master_bias", "read_noise", "master_dark", "dark_rate", "hot_pixels")
CCD = (*CCD_STACKS, "subtract_dark", "ccd_quantities", "ccd_figures")
FIGURES = ("ccd_figures", "nircam_figures", "wfc3_figures", "cgi_figures")
# Every product of NIRCam reads raw files through the engine.
ENGINE = once(
    *("check_correction", "superbias", "superbias_other", "noise_spectrum", "reference_pixels"),
    *("compare_corrections", *READNOISE),
    check_ramps=2,
    certify=2,
)
#: Which rules rerun after an edit of a file: its users and what follows from them, nothing else.
EDITS = {
    "scripts/darkroom/nircam/readnoise/measure.py": once(*READNOISE),
    "scripts/darkroom/nircam/chain/kernel.py": ENGINE,
    "scripts/darkroom/nircam/chain/agree.py": ENGINE,
    "scripts/darkroom/wfc3/reads/treat.py": REDUCED,
    "scripts/darkroom/cgi/stacks/moments.py": once("noise_maps", "cgi_figures", *END),
    "scripts/darkroom/ccd/figures/story.py": once("ccd_figures", *END),
    "scripts/darkroom/report/page_item.html.j2": once(*END),
    "scripts/darkroom/plot/style.py": once(*FIGURES, *END),
    "scripts/ccd/hot_pixels.py": once(
        "hot_pixels", "bad_pixels", "subtract_dark", "ccd_quantities", "ccd_figures", *END
    ),
    # What only the workflow reads, simulators and other archives change no job of this campaign.
    "scripts/darkroom/pipelines.py": {},
    "scripts/darkroom/nircam/pipeline.py": {},
    "scripts/darkroom/workflow/plan.py": {},
    "scripts/darkroom/wfc3/simulate/raw.py": {},
    "scripts/darkroom/archive/mast.py": {},
    # The token opens MAST alone; all that other programs know of it is its name.
    "scripts/darkroom/transport/token.py": {},
    "envs/archive.txt": {},
}


@pytest.mark.parametrize("name", NAMED)
def test_a_file_that_a_setting_names_reruns_what_is_made_from_it(finished_campaign, name):
    """Products of the coronagraph stayed as they were when its table was replaced."""
    edited = finished_campaign.folder / name
    before = edited.read_text()
    edited.write_text(f"{before} who edits it")
    try:
        jobs = finished_campaign.jobs("--config", CHOICE)
        assert jobs == once("noise_maps", "cgi_figures", *END)
    finally:
        edited.write_text(before)


@pytest.mark.parametrize("path", EDITS)
def test_an_edit_reruns_what_uses_it(finished_campaign, path):
    edited = finished_campaign.folder / path
    before = edited.read_text()
    edited.write_text(before + "\n# an edit\n")
    try:
        assert finished_campaign.jobs("--config", CHOICE) == EDITS[path]
    finally:
        edited.write_text(before)


@pytest.mark.parametrize(
    ("item", "change", "jobs"),
    [
        ("nrcalong", {"readnoise": {"clipping_sigma": 3}}, once(*READNOISE)),
        # The superbias is subtracted from the two exposures of which the read noise is made.
        (
            "nrcalong",
            {"superbias": {"clipping_sigma": 4}},
            once(
                "superbias", "superbias_other", "check_ramps", "check_correction",
                "compare_corrections", *READNOISE, certify=2,
            ),
        ),
        (
            "visit",
            {"left": [10, 20, 30, 40]},
            REDUCED | {"read_differences": 1, "choose_reads": 1, "step_list": 4},
        ),
        # The images of the exposures as taken and as reprocessed.
        (
            "visit",
            {"drizzle": {"final_pixfrac": 0.9}},
            once("wfc3_figures", *END, combine_visit=2),
        ),
        ("excam", {"weights": "frames"}, once("noise_maps", "cgi_figures", *END)),
    ],
)  # fmt: skip
def test_a_changed_number_reruns_what_it_touches(finished_campaign, item, change, jobs):
    write(finished_campaign, {item: change})
    try:
        assert finished_campaign.jobs("--config", CHOICE) == jobs
    finally:
        write(finished_campaign)


@pytest.mark.parametrize(
    ("observatory", "jobs"),
    [
        (
            "hst",
            REDUCED
            | once("crds_context", "item_references", "crds_sync", "pins")
            | once("bestrefs", "calibrate_original", "read_differences", "choose_reads")
            | {"combine_visit": 2, "step_list": 6},
        ),
        (
            "jwst",
            once(
                "crds_context", "item_references", "crds_sync", "pins",
                "superbias", "superbias_other",
                "noise_spectrum", "reference_pixels", "check_correction", "compare_corrections",
                *READNOISE, "bestrefs", "step_list", check_ramps=2, previous=2, certify=2,
            ),
        ),
    ],
)  # fmt: skip
def test_another_context_reruns_its_observatorys_steps_and_fetches_nothing(
    finished_campaign, observatory, jobs
):
    """The plan cannot know that a reference stays the same; a step then keeps what it has made."""
    contexts = CONTEXTS | {observatory: {"context": f"{observatory}_1235.pmap"}}
    write(finished_campaign, contexts=contexts)
    try:
        assert finished_campaign.jobs("--config", CHOICE) == jobs
    finally:
        write(finished_campaign)


@pytest.mark.heavy
def test_references_that_are_simulated_anew_are_chosen_anew(tmp_path):
    """Those of a simulated cache change under their names; the notes of the choice held on."""
    checkout = Checkout(tmp_path / "checkout")
    small = {"subarray": "SQ64SUB", "nsamp": 3, "stars": 20, "galaxies": 0, "blobs": 0}
    other = small | {"filter": "F105W"}
    items = {}
    for name, settings in (("visit", small), ("earlier", other)):
        # It comes first: the flat of its filter takes the name of the other's.
        items = {name: {"instrument": "wfc3", "simulate": settings | {"exposures": [{}]}}} | items
        choice = checkout.campaign("anew", items=items)
        checkout.snakemake("lock", "--config", choice, "replace_lock=true")
        checkout.snakemake("--config", choice, "--", "results/anew/crds/hst.tsv")
    folder = checkout.folder / "results/anew"
    cache = Cache(folder / "crds", "hst")
    flats = []
    for name in items:
        chosen = read_references(folder / name / "references.json")
        flats += [cache.verified(one) for one in chosen.values() if one and "_pfl" in one.name]
    assert [path.name for path in flats] == ["sim0001ii_pfl.fits", "sim0002ii_pfl.fits"]
