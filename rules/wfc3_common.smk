# WFC3/IR: what its rules ask of a campaign.
from darkroom.wfc3.pipeline import check_item, reads_of
from darkroom.wfc3.pipeline import ramp_memory as wfc3_ramp_memory

ENGINE_OPTIONS = {"engine": "--engine"}
DIFFERENCE_OPTIONS = {
    "sources": "--sources",
    "source_limit": "--source-limit",
    "left": "--left",
    "right": "--right",
}
CHOICE_OPTIONS = {
    "choose": "--method",
    "treatment": "--treatment",
    "ratio_excess": "--ratio-excess",
    "level_excess": "--level-excess",
    "trail_excess": "--trail-excess",
    "nsigma": "--nsigma",
    "min_step_s": "--min-step-s",
    "most": "--most",
    "notebook_ratio": "--notebook-ratio",
}
TREAT_OPTIONS = ENGINE_OPTIONS | {
    "mask_scope": "--mask-scope",
    "left": "--left",
    "right": "--right",
}
DRIZZLE_OPTIONS = {
    "astrometry": "--astrometry",
    "skymethod": "--skymethod",
    "final_bits": "--final-bits",
    "final_wht_type": "--final-wht-type",
    "final_kernel": "--final-kernel",
    "final_pixfrac": "--final-pixfrac",
    "final_scale": "--final-scale",
    "final_rot": "--final-rot",
}


def wfc3(item):
    """Settings of an item's WFC3 road."""
    return CAMPAIGN.items[item]["wfc3"]


@cache
def archived_items():
    """Items that only hold what another one is compared with."""
    return {wfc3(item)["archive_drz"] for item in items_of("wfc3")} - {None}


def wfc3_items():
    """Items that take the WFC3 road."""
    return [item for item in items_of("wfc3") if item not in archived_items()]


def wfc3_toolset(item):
    """Toolset of an item's calibration: calwf3 itself is in one of its own."""
    return "detector" if wfc3(item)["engine"] == "builtin" else "hst"


# The engine decides the environment of a rule: one of them for the whole campaign.
WFC3_ENV = "detector" if all(wfc3_toolset(i) == "detector" for i in wfc3_items()) else "hst"


def wfc3_place():
    """Options that say where references lie, and by which rules they were chosen."""
    return f"{cache_option('hst')} --context {CRDS('hst').context}"


@cache
def largest_ramp(item):
    """Memory in MB of the largest ramp of an item; found once, not for each exposure's job."""
    facts = [row.facts for row in LOCK().of(item)]
    sizes = {(f.get("shape") or "1024x1024", int(f.get("nsamp") or 16)) for f in facts}
    return max(wfc3_ramp_memory(*size) for size in sizes)


def wfc3_memory(item, attempt):
    """Memory in MB of a job that holds a ramp."""
    return attempt * largest_ramp(item)


def given_reads(item, exposure):
    """Option that overrides the choice of bad reads, when the campaign does."""
    reads = reads_of(wfc3(item), exposure)
    return "" if reads is None else f"--reads {shlex.quote(reads)}"


def visit_statuses(item, version):
    """Status files of an item's exposures, as taken or reprocessed."""
    return [f"{RESULTS}/{item}/{version}/{row.exposure}.json" for row in LOCK().of(item)]


def visit_records(item, kind):
    """Records of an item's exposures: reads, chosen or measures."""
    return [f"{RESULTS}/{item}/{kind}/{row.exposure}.json" for row in LOCK().of(item)]


def archive_drz(item):
    """The archive's own combined image of a visit, when the campaign has it."""
    held = wfc3(item)["archive_drz"]
    if held is None:
        return {}
    if held not in CAMPAIGN.items:
        sys.exit(f"darkroom: item {item}: archive_drz names {held!r}, which is no item")
    return {"archive": statuses(held)[0]}


def wfc3_products(item):
    """Products of a WFC3 item."""
    or_exit(check_item, item, wfc3(item), [row.exposure for row in LOCK().of(item)])
    names = ["original_drz_sci.fits", "reprocessed_drz_sci.fits", "item.json"]
    return [f"{RESULTS}/{item}/{name}" for name in names]


def drizzle_options(item):
    """Settings of an item's combination as options."""
    return command_options(wfc3(item)["drizzle"], DRIZZLE_OPTIONS)


def figure_options(item, named):
    """Folder, exposures, archive's image and truth of an item, as options."""
    words = [row.exposure for row in LOCK().of(item)]
    words += ["--folder", f"{RESULTS}/{item}"]
    if "archive" in named.keys():
        words += ["--archive", named["archive"]]
    if CAMPAIGN.archive["kind"] == "simulated":
        words += ["--truth", f"{RESULTS}/raw/{item}/truth"]
    return shlex.join(words)
