# CGI: what its rules ask of a campaign.
from darkroom.cgi.pipeline import parts_of, stack_name, stacks_of

MAP_OPTIONS = {
    "geometry": "--geometry",
    "waive": "--waive",
    "weights": "--weights",
    "keep_truncated": "--keep-truncated",
    "keep_offsets": "--keep-offsets",
}
RAW_OPTIONS = {
    "geometry": "--geometry",
    "preprocess": "--preprocess",
    "nonlinearity": "--nonlinearity",
    "kgain": "--kgain",
    "bias_offset": "--bias-offset",
}
FRAME_OPTIONS = {**RAW_OPTIONS, "waive": "--waive"}
DARK_OPTIONS = {"geometry": "--geometry", "region": "--region"}


wildcard_constraints:
    stack=r"g[\d.e+-]+_t[\d.e+-]+",
    part=r"\d+",


def cgi_settings(item):
    """Settings of an item's CGI road."""
    return CAMPAIGN.items[item]["cgi"]


@cache
def cgi_parts(item):
    """Exposures of each part of each stack of an item: ``{stack: {part: [exposure, ...]}}``."""
    size = cgi_settings(item)["frames_per_part"]
    stacks = or_exit(stacks_of, LOCK().of(item, "dark"))
    return {name: parts_of(rows, size) for name, rows in stacks.items()}


def part_statuses(item, stack, part):
    """Status files of the exposures of one part of a stack."""
    return [f"{RESULTS}/raw/{item}/{name}.json" for name in cgi_parts(item)[stack][part]]


def prepared_frames(item):
    """Folders of an item's prepared frames, when they are to be kept."""
    if not cgi_settings(item)["keep_prepared"]:
        return []
    return [
        f"{RESULTS}/{item}/prepared/{name}/{part}"
        for name, parts in cgi_parts(item).items()
        for part in parts
    ]


def part_statistics(item, stack=None):
    """Statistics of all parts of an item, or of one of its stacks."""
    return [
        f"{RESULTS}/{item}/stacks/{name}/{part}.fits"
        for name, parts in cgi_parts(item).items()
        for part in parts
        if stack in (None, name)
    ]


def cgi_darks(item):
    """Darks of an item: traditional ones of its stacks, and those put together from maps."""
    settings = cgi_settings(item)
    known = cgi_parts(item)
    names = []
    for dark in settings["traditional"]:
        name = stack_name(dark["gain"], dark["exptime"])
        if name not in known:
            sys.exit(
                f"darkroom: item {item}: there is no stack of EM gain {dark['gain']:g} and "
                f"{dark['exptime']:g} s to make a traditional dark of; there are {', '.join(known)}"
            )
        names.append(f"traditional_{name}")
    names += [
        f"synthesized_{stack_name(dark['gain'], dark['exptime'])}"
        for dark in settings["synthesized"]
    ]
    return [f"{RESULTS}/{item}/darks/{name}.fits" for name in names]


def gain_and_time(stack):
    """Options that name the EM gain and the exposure time of a stack."""
    gain, exptime = stack[1:].split("_t")
    return f"--gain {gain} --exptime {exptime}"


def cgi_truth_files(item):
    """Truth of an item and the comparison with it, when its exposures are simulated."""
    files = {"truth": "truth.fits", "comparison": "truth.json"} if truth_comparison(item) else {}
    return {name: f"{RESULTS}/{item}/{file}" for name, file in files.items()}


def cgi_products(item):
    """Products of a CGI item."""
    names = ["noise_maps.fits", "item.json"]
    names += ["truth.fits"] if truth_comparison(item) else []
    return [
        *cgi_darks(item),
        *prepared_frames(item),
        *(f"{RESULTS}/{item}/{name}" for name in names),
    ]
