# NIRCam: what its rules ask of a campaign.
from darkroom.nircam.pipeline import calibrate_options, check_alike, ramp_memory, subtracts_made

FACTS_OPTIONS = {
    "author": "--author",
    "description": "--description",
    "pedigree": "--pedigree",
    "useafter": "--useafter",
    "history": "--history",
    "subarray": "--subarray",
    "readpatt": "--readpatt",
}
SUPERBIAS_OPTIONS = FACTS_OPTIONS | {
    "method": "--method",
    "sample": "--sample",
    "intercept_groups": "--intercept-groups",
    "clipping_sigma": "--clipping-sigma",
    "max_clipping_iters": "--max-clipping-iters",
    "bad_sigma_threshold": "--bad-sigma-threshold",
    "bad_clipping_sigma": "--bad-clipping-sigma",
    "bad_max_clipping_iters": "--bad-max-clipping-iters",
    "drift_p": "--drift-p",
    "hot_sigma": "--hot-sigma",
    "save_filled": "--save-filled",
    "box_width": "--box-width",
    "coupling": "--coupling",
    "previous_ramps": "--previous-ramps",
}

READNOISE_OPTIONS = FACTS_OPTIONS | {
    "method": "--method",
    "group_diff_type": "--pairs",
    "clipping_sigma": "--clipping-sigma",
    "max_clipping_iters": "--max-clipping-iters",
    "single_value": "--single-value",
    "noisy_sigma": "--noisy-sigma",
    "telegraph_gain": "--telegraph-gain",
    "spatial_pairs": "--spatial-pairs",
}


def nircam(item):
    """Settings of an item's NIRCam road."""
    return CAMPAIGN.items[item]["nircam"]


def product_options(item, product, names):
    """Settings of a product as options of its program; `names` maps keys to options."""
    settings = nircam(item)[product]
    pixel = settings.get("pixel")
    chosen = f" --pixel {pixel[0]} {pixel[1]}" if pixel else ""
    return command_options(settings, names) + chosen


def superbias_made(item, purpose):
    """The superbias that is subtracted before a product, when it is the one just made."""
    if or_exit(subtracts_made, nircam(item), purpose):
        return {"superbias": f"{RESULTS}/{item}/superbias.fits"}
    return {}


def previous_product(item, product):
    """The earlier file that a product is compared with, when there is one."""
    previous = nircam(item)[product]["previous"]
    if previous == "none":
        return {}
    made = f"{RESULTS}/{item}/previous_{product}.fits"
    return {"previous": made if previous == "crds" else previous}


def calibrated(item, purpose):
    """Status files of an item's calibrated exposures, in the order of the lock."""
    folder = f"{RESULTS}/{item}/calibrated/{purpose}"
    or_exit(check_alike, item, LOCK().of(item))
    return [f"{folder}/{row.exposure}.json" for row in LOCK().of(item)]


def calibrate_place():
    """Options that say where references lie, and by which rules they were chosen."""
    return f"{cache_option('jwst')} --context {CRDS('jwst').context}"


def calibrate_memory(item, exposure, attempt):
    """Memory in MB for the pipeline's steps on an exposure."""
    return ramp_memory(LOCK().get(item, exposure).facts) * attempt


def optional(named, *names):
    """Options ``--name value`` for those named inputs that a job has."""
    return " ".join(f"--{name} {named[name]}" for name in names if name in named.keys())


def other_method(item, product):
    """The method whose result is shown beside that of a product, or None."""
    settings = nircam(item)[product]
    return (
        None
        if settings["other_method"] in ("none", settings["method"])
        else settings["other_method"]
    )


def other_options(item, product, names):
    """Settings of a product made by its other method, as options of its program."""
    settings = nircam(item)[product] | {"method": other_method(item, product)}
    return command_options(settings, names)


def nircam_figure_inputs(item):
    """Products of an item that its figures show besides those that every item has."""
    others = nircam_truth_files(item) | {
        f"{product}_other": [
            f"{RESULTS}/{item}/{product}_other{kind}.fits" for kind in ("", "_details")
        ]
        for product in ("superbias", "readnoise")
        if other_method(item, product)
    }
    return others | noise_figure_inputs(item)


def nircam_truth_files(item):
    """Truth of an item and the comparison with it, when its simulated exposures came with it."""
    if not truth_comparison(item) or not CAMPAIGN.items[item]["simulate"].get("truth", True):
        return {}
    files = {"truth": "truth.fits", "comparison": "truth.json"}
    return {name: f"{RESULTS}/{item}/{file}" for name, file in files.items()}


def nircam_figure_options(named):
    """Options that hand those products to the program of the figures."""
    names = ("superbias_other", "readnoise_other", "truth", "comparison", *NOISE_FIGURE_INPUTS)
    return " ".join(f"--{n.replace('_', '-')} {named[n]}" for n in names if n in named.keys())


def nircam_quantities(item):
    """Files of the numbers that an item's products wrote."""
    made = [f"{RESULTS}/{item}/{product}.json" for product in ("superbias", "readnoise")]
    return made + noise_quantities(item)


def nircam_figure_settings(item):
    """Option of the pixel that the figures mark, when one is chosen."""
    pixel = nircam(item)["superbias"]["pixel"] or nircam(item)["readnoise"]["pixel"]
    return f"--pixel {pixel[0]} {pixel[1]}" if pixel else ""


def nircam_products(item):
    """Products of a NIRCam item."""
    names = [
        f"{product}{suffix}"
        for product in ("superbias", "readnoise")
        for suffix in (".fits", "_details.fits", ".json", ".certified")
    ]
    names += ["quantities.json", "item.json"]
    made = [f"{RESULTS}/{item}/{name}" for name in names]
    return [*made, *nircam_truth_files(item).values(), *noise_products(item)]
