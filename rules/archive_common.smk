# What the archive's rules share: which archive, and the notes of files that came with others.
from functools import cache

from darkroom.archive.arrivals import arrival_key
from darkroom.campaign.pins import conflicts, read_pins

ARCHIVE = CAMPAIGN.archive["kind"]
ARCHIVE_ENV = "archive" if ARCHIVE == "mast" else "detector"
ARCHIVE_MODULES = [f"darkroom.archive.{ARCHIVE}"]
if ARCHIVE == "simulated":
    ARCHIVE_MODULES += sorted(
        {f"darkroom.{item['instrument']}.simulate.exposures" for item in CAMPAIGN.items.values()}
    )
FETCH_CODE = program.digest(ARCHIVE_ENV, "archive/fetch", *ARCHIVE_MODULES)
# Simulated bytes follow from the simulator and from what it is asked.
MAKER_ARGS = f"--maker {FETCH_CODE}-{CAMPAIGN.query_digest()}" if ARCHIVE == "simulated" else ""
# Small files come many at a time, brought by the program of the first of them.
TOGETHER = ARCHIVE == "mast"
TOGETHER_ARGS = f"--together --code {FETCH_CODE}" if TOGETHER else ""
PINS = cache(lambda: or_exit(read_pins, CAMPAIGN.pins_path))


def note(item, exposure):
    """Status of an exposure, noted when it came with others."""
    return shlex.quote(f"{RESULTS}/raw/{item}/.arrived/{exposure}.json")


def came_with_others(item, exposure):
    """Shell test: the exposure's note holds as of now, and its file was not touched since."""
    if not TOGETHER:
        return ""
    row = LOCK().get(item, exposure)
    key = arrival_key(CAMPAIGN, row, PINS(), bool(EXCLUDE), FETCH_CODE)
    noted, file = note(item, exposure), shlex.quote(f"{RESULTS}/raw/{item}/{row.file}")
    keyed = shlex.quote(f"{RESULTS}/raw/{item}/.arrived/{exposure}.key")
    return f"[ -f {file} ] && [ ! {file} -nt {noted} ] && grep -qsx {key} {keyed}"
