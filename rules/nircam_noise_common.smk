# NIRCam noise spectrum and reference pixels: what their rules ask of a campaign.
from darkroom.nircam.pipeline import correction_options, corrections_of, noise_purpose

NOISE_FIGURE_INPUTS = (
    "noise_spectrum",
    "noise_previous",
    "reference_pixels",
    "corrections",
    "noise_truth",
)


def makes_spectrum(item):
    """Tell whether an item's noise spectrum is measured."""
    return nircam(item)["spectrum"]["make"]


def makes_reference_pixels(item):
    """Tell whether the stability of an item's reference pixels is measured."""
    if nircam(item)["reference_pixels"]["make"] and not makes_spectrum(item):
        sys.exit(
            f"darkroom: item {item}: reference_pixels.make needs the noise spectrum; set "
            "spectrum.make: true, or reference_pixels.make: false"
        )
    return nircam(item)["reference_pixels"]["make"]


def noise_ramps(item):
    """List of the ramps that an item's noise is measured on."""
    return f"{RESULTS}/{item}/{noise_purpose(nircam(item))}_ramps.list"


def previous_epoch(item, product):
    """The earlier product that one is compared with, when there is one."""
    previous = nircam(item)[product]["previous"]
    return {} if previous == "none" else {"previous": previous}


def chosen_corrections(item):
    """Corrections of an item by name, with the reason where one cannot be made."""
    if not makes_reference_pixels(item):
        return {}
    return corrections_of(nircam(item), LOCK().of(item)[0].facts)


def corrections(item):
    """Names of the corrections that are compared for an item."""
    return [name for name, why in chosen_corrections(item).items() if not why]


def compared_exposures(item):
    """Names of the exposures that corrections are compared on."""
    count = nircam(item)["reference_pixels"]["exposures"]
    return [row.exposure for row in LOCK().of(item)][:count]


def corrected(item, correction):
    """Status files of an item's exposures after a correction."""
    folder = f"{RESULTS}/{item}/corrected/{correction}"
    return [f"{folder}/{name}.json" for name in compared_exposures(item)]


def correct_inputs(item, correction):
    """What a correction needs besides the exposure: superbias, what was measured for it."""
    made = nircam(item)["steps"]["superbias_from"] == "made"
    found = {"superbias": f"{RESULTS}/{item}/superbias.fits"} if made else {}
    if correction == "optimal":
        found["best"] = f"{RESULTS}/{item}/best_side.json"
    if correction == "sirs":
        found["kernel"] = f"{RESULTS}/{item}/sirs_kernel.asdf"
    return found


def measured_options(named):
    """Options of what was measured for a correction: parameters or kernels."""
    options = {"best": "--parameters @", "kernel": "--sirs-kernel "}
    return " ".join(
        option + named[name] for name, option in options.items() if name in named.keys()
    )


def corrected_options(item):
    """Options that name the corrections and the exposures after them, and those not possible."""
    words = [["--corrected", name, *corrected(item, name)] for name in corrections(item)]
    words += [
        ["--not-possible", name, why] for name, why in chosen_corrections(item).items() if why
    ]
    return " ".join(map(shlex.join, words))


def noise_truth_inputs(item):
    """Products that are held against the truth."""
    found = {"spectrum": f"{RESULTS}/{item}/noise_spectrum.fits"}
    if makes_reference_pixels(item):
        found["reference"] = f"{RESULTS}/{item}/reference_pixels.fits"
    return found


def noise_figure_inputs(item):
    """Noise products of an item that its figures show."""
    found = {}
    if makes_spectrum(item):
        found["noise_spectrum"] = f"{RESULTS}/{item}/noise_spectrum.fits"
        if previous := previous_epoch(item, "spectrum"):
            found["noise_previous"] = previous["previous"]
        if truth_comparison(item):
            found["noise_truth"] = f"{RESULTS}/{item}/noise_truth.json"
    if makes_reference_pixels(item):
        found["reference_pixels"] = f"{RESULTS}/{item}/reference_pixels.fits"
    if corrections(item):
        found["corrections"] = f"{RESULTS}/{item}/corrections.fits"
    return found


def noise_quantities(item):
    """Files of the numbers that an item's noise products wrote."""
    names = ["noise_spectrum"] if makes_spectrum(item) else []
    names += ["reference_pixels"] if makes_reference_pixels(item) else []
    names += ["corrections"] if corrections(item) else []
    return [f"{RESULTS}/{item}/{name}.json" for name in names]


def noise_products(item):
    """Noise products of an item."""
    tables = [path.replace(".json", ".csv") for path in noise_quantities(item)]
    made = [path for name, path in noise_figure_inputs(item).items() if name != "noise_previous"]
    fit = [f"{RESULTS}/{item}/noise_spectrum_fit.csv"] if makes_spectrum(item) else []
    return [*made, *tables, *noise_quantities(item), *fit]
