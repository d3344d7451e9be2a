# What the rules share: the campaign, its lock, and how commands begin.
import shlex
import sys
import time
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(workflow.basedir, "scripts")))

from darkroom.campaign.lock import require_lock
from darkroom.campaign.campaign import open_campaign
from darkroom.errors import DarkroomError
from darkroom.workflow.failures import failure_summary
from darkroom.workflow.slurm import check_slurm, watch_queue
from darkroom.workflow.summary import success_summary
from darkroom.workflow.programs import (
    Programs,
    collect_rarely,
    command_options,
    hold_folder,
    remember_signatures,
)

collect_rarely()


def or_exit(work, *arguments):
    """Call a function; a fault a person can mend ends in its one sentence."""
    try:
        return work(*arguments)
    except DarkroomError as error:
        sys.exit(f"darkroom: {error}")


STARTED = time.monotonic()
CAMPAIGN = or_exit(open_campaign, config["campaign"], workflow.basedir, config.get("folder"))
RESULTS = f"{config['results']}/{CAMPAIGN.name}"
REPORT = f"{RESULTS}/report.html"
# Read when a rule first asks, so that `snakemake lock` works before there is a lock.
LOCK = cache(lambda: or_exit(require_lock, CAMPAIGN))

# Arguments of programs that choose no number: the campaign as it was given, where it lies.
NAME = shlex.quote(str(config["campaign"]))
CAMPAIGN_ARGS = f"--campaign {NAME}"
FOLDER_ARGS = f"--folder {shlex.quote(str(config['folder']))}" if config.get("folder") else ""
REPEAT = f"snakemake --config campaign={NAME}"
REPEAT_ARGS = f"--command {shlex.quote(REPEAT)}"
NEXT = f".venv/bin/python -m {REPEAT}"
NEXT_ARGS = f"--command {shlex.quote(NEXT)}"
EXCLUDE = "--exclude" if CAMPAIGN.settings["on_bad_exposure"] == "exclude" else ""

CONDA = any("conda" in str(way).lower() for way in workflow.deployment_settings.deployment_method)
program = Programs(workflow.basedir, CONDA)


wildcard_constraints:
    item=r"[a-z0-9][a-z0-9_-]*",
    exposure=r"[^/]+",
    role="bias|dark|science|exposure",


def items_of(instrument):
    """Names of the campaign's items that take an instrument's road."""
    return [name for name, item in CAMPAIGN.items.items() if item["instrument"] == instrument]


def only_items_of(instrument):
    """Pattern of the items of one road, for a product that every road makes in its own way."""
    return "|".join(items_of(instrument)) or "(?!)"


def statuses(item):
    """Status files of an item's exposures, in the order of the lock."""
    return [f"{RESULTS}/raw/{item}/{row.exposure}.json" for row in LOCK().of(item)]


def has_role(item, role):
    """Tell whether an item has exposures of a role."""
    return bool(LOCK().of(item, role))


def options(item, road, names):
    """Settings of an item's road as options of a program; `names` maps keys to options."""
    settings = CAMPAIGN.items[item]
    return command_options({"recover": settings["recover"], **settings[road]}, names)


@cache
def largest_image(item):
    """Pixels of the largest image of an item; found once, not for each job."""
    shapes = {row.facts.get("shape", "") for row in LOCK().of(item)}
    return max((int(a) * int(b) for a, _, b in (s.partition("x") for s in shapes) if b), default=0)


def image_memory(item, attempt, of_a_pixel):
    """Memory in MB of a job that holds whole images: so many bytes a pixel, and the libraries."""
    return int(attempt * (500 + of_a_pixel * largest_image(item) / 1e6))


def ccd_products(item):
    """Products of a CCD item."""
    if not (has_role(item, "bias") and has_role(item, "dark")):
        sys.exit(f"darkroom: item {item}: the CCD road needs bias frames and darks")
    names = ["master_bias.fits", "read_noise.fits", "master_dark.fits", "dark_rate.fits"]
    names += ["hot_pixels.fits", "quantities.tsv", "quantities.json", "item.json"]
    names += ["science"] if has_role(item, "science") else []
    names += ["truth.fits"] if truth_comparison(item) else []
    return [f"{RESULTS}/{item}/{name}" for name in names]


def science_lists(item):
    """Lists of the science frames and of the dark-subtracted ones, when the item has any."""
    names = {"science": "science", "subtracted": "subtracted"} if has_role(item, "science") else {}
    return {role: f"{RESULTS}/{item}/{name}.list" for role, name in names.items()}


def truth_comparison(item):
    """Comparison of an item with its truth, when its exposures are simulated."""
    if CAMPAIGN.archive["kind"] != "simulated":
        return {}
    return {"truth": f"{RESULTS}/{item}/truth.json"}


def more_options(named, options):
    """Options for those inputs that a job has: ``{"truth": "--truth "}``."""
    return " ".join(
        f"{text}{named[name]}" for name, text in options.items() if name in named.keys()
    )


def item_products():
    """Products of every item."""
    found = [f"{RESULTS}/{item}/frames.tsv" for item in CAMPAIGN.items]
    for item in items_of("ccd"):
        found += ccd_products(item)
    for item in items_of("nircam"):
        found += nircam_products(item)
    for item in items_of("cgi"):
        found += cgi_products(item)
    for item in wfc3_items():
        found += wfc3_products(item)
    return found


def campaign_products():
    """Every product of the campaign: a missing one is remade, whatever else is there."""
    exposures = [status for item in CAMPAIGN.items for status in statuses(item)]
    return [f"{RESULTS}/pins.tsv", REPORT, *exposures, *item_products()]


def planned_products():
    """Every product of the campaign; none when it has no lock yet."""
    return campaign_products() if CAMPAIGN.lock_path.exists() else []


def check_earlier_jobs():
    """Refuse to start beside Slurm jobs that a killed run left at work in this folder."""
    status_command = getattr(workflow.executor_settings, "status_command", None)
    submits = workflow.executor_plugin.name == "slurm"
    check_slurm(".", workflow.dag_settings.targets, submits, status_command)
    if submits:
        watch_queue(".", lambda sentence: print(f"darkroom: {sentence}", file=sys.stderr))


onstart:
    or_exit(hold_folder, ".", workflow.dag_settings.targets)
    or_exit(check_earlier_jobs)


def tell_success(run_log):
    """Say what a run has done, unless it only looked or asked the archive."""
    if set(workflow.dag_settings.targets) & {"status", "lock"}:
        return
    seconds = time.monotonic() - STARTED
    try:
        planned, fault = planned_products(), ""
    except SystemExit as end:
        # What was asked for is made, though the whole campaign cannot be planned.
        planned, fault = [], f"\n{end}"
    told = success_summary(CAMPAIGN, RESULTS, run_log, seconds, planned, NEXT)
    print(f"\n{told}{fault}", file=sys.stderr)


onsuccess:
    tell_success("".join(Path(path).read_text() for path in log))


onerror:
    text = "".join(Path(path).read_text() for path in log)
    summary = failure_summary(text, shlex.join(sys.orig_argv))
    print(f"\n{summary}", file=sys.stderr)
