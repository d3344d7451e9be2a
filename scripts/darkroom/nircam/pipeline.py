"""The NIRCam pipeline as the workflow plans it. Standard library only."""

from __future__ import annotations

import shlex
from collections import Counter
from functools import cache
from typing import Any

from darkroom.campaign.settings import command_options
from darkroom.errors import DarkroomError
from darkroom.nircam import planning
from darkroom.nircam.counterfactual.planning import ComparisonPlan
from darkroom.nircam.dark.plan import NircamDarkPlan
from darkroom.nircam.dark.settings import DarkSettings
from darkroom.nircam.mask.settings import MaskSettings
from darkroom.nircam.readnoise.settings import ReadnoiseSettings
from darkroom.nircam.refpix.settings import ReferencePixelSettings
from darkroom.nircam.settings import NircamSettings
from darkroom.nircam.superbias.settings import SuperbiasSettings
from darkroom.workflow.plan import Pipeline, Plan, input_options, named_options, quoted

_GROUPS = {
    "superbias": SuperbiasSettings,
    "readnoise": ReadnoiseSettings,
    "reference_pixels": ReferencePixelSettings,
    "dark": DarkSettings,
    "mask": MaskSettings,
}
_NOISE_FIGURES = (
    "noise_spectrum",
    "noise_previous",
    "reference_pixels",
    "corrections",
    "bands",
    "noise_truth",
)


class NircamPipeline(ComparisonPlan, NircamDarkPlan, Pipeline):
    """Superbias, read noise, noise spectrum and reference pixels of darks."""

    instrument = "nircam"
    settings_group = NircamSettings
    observatory = "jwst"
    optional_kinds = planning.OPTIONAL_KINDS

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        # As `options`: the same for each exposure of an item.
        self.calibrate_options = cache(self._calibrate_options)
        self.largest_ramp = cache(self._largest_ramp)

    def reference_kinds(self, item: str) -> list[str]:
        """Return the CRDS reference types that an item's exposures need.

        A simulated CRDS has the types that are asked for, and certifies no file of another.
        """
        kinds = planning.item_kinds(self.settings(item))
        return sorted({*kinds, *self.dark_products(item)}) if self.plan.simulated else kinds

    def deck_kinds(self, item: str) -> list[str]:
        """Return the reference types through which an item's products are compared."""
        return list(planning.DECK_KINDS) if self.compared(item) else []

    def _options(self, item: str, program: str) -> str:
        """Return the settings of a program as options; settings are grouped by product."""
        settings = self.settings(item)
        chosen = settings[program]
        if program == "dark":
            chosen = chosen | {"origin": planning.dark_origin(settings, item)}
        return command_options(chosen, _GROUPS[program])

    # Ramps

    def engine(self, item: str) -> str:
        """Return what runs the steps of an item: builtin, jwst or both.

        Raises
        ------
        DarkroomError
            When it cannot run them.
        """
        settings = self.settings(item)
        planning.check_engine(settings)
        return str(settings["engine"])

    def only_items_by(self, *engines: str) -> str:
        """Return a pattern that matches only the items whose steps one of `engines` runs."""
        items = self.plan.items_of(self.instrument)
        return "|".join(item for item in items if self.engine(item) in engines) or "(?!)"

    def ramps_by_pipeline(self, item: str, purpose: str) -> dict[str, str]:
        """Return the list of the pipeline's ramps with which those built in are compared."""
        both = self.engine(item) == "both"
        return {"against": self.calibrated(item, purpose)} if both else {}

    def check_options(self, item: str, purpose: str) -> str:
        """Return the steps run for a product, and what is made of them, as options."""
        return f"{self.calibrate_options(item, purpose)} {self._more_options(item)}".strip()

    def _more_options(self, item):
        return "--keep-ramps" if self.settings(item)["keep_ramps"] else ""

    def against(self, item: str, folder: str) -> str:
        """Return the option that names the folder of the pipeline's statuses to compare with."""
        both = self.engine(item) == "both"
        return quoted("--against", f"{self.plan.folder(item)}/{folder}") if both else ""

    def judged_options(self, item: str) -> str:
        """Return the options that name the folders of an item's references and refusals."""
        folder = self.plan.folder(item)
        return quoted("--references", f"{folder}/references", "--refusals", f"{folder}/refusals")

    def superbias_made(self, item: str, purpose: str) -> dict[str, str]:
        """Return the superbias that is subtracted for a product, when it is the one made here."""
        made = planning.subtracts_made(self.settings(item), purpose)
        return {"superbias": f"{self.plan.folder(item)}/superbias.fits"} if made else {}

    def _calibrate_options(self, item: str, purpose: str) -> str:
        """Return the steps run for a product, and their parameters, as options."""
        return planning.calibrate_options(self.settings(item), purpose)

    def place(self) -> str:
        """Return the options that name the CRDS cache and the pinned context."""
        crds = self.plan.crds("jwst")
        return quoted("--cache", crds.cache, "--context", crds.context)

    def ramp_memory(self, item: str, attempt: int) -> int:
        """Return the memory in MB of the pipeline's steps on the largest exposure of an item."""
        return self.largest_ramp(item) * attempt

    def _largest_ramp(self, item: str) -> int:
        return max(planning.ramp_memory(row.facts) for row in self.plan.exposures(item))

    def calibrated(self, item: str, purpose: str) -> str:
        """Return the list of the status files of an item's calibrated exposures."""
        return f"{self.plan.folder(item)}/calibrated_{purpose}.list"

    # Superbias and read noise

    def previous(self, item: str, product: str) -> dict[str, str]:
        """Return the earlier file with which a product is compared, when there is one."""
        previous = self.settings(item)[product]["previous"]
        if previous == "none":
            return {}
        if previous == "crds":
            return {"previous": f"{self.plan.folder(item)}/previous_{product}.fits"}
        return {"previous": self.named_file(item, f"{product}.previous", previous)}

    def other_method(self, item: str, product: str) -> str | None:
        """Return the second method of a product, whose result is shown too; None without one."""
        settings = self.settings(item)[product]
        other = settings["other_method"]
        return None if other in ("none", settings["method"]) else other

    def other_options(self, item: str, product: str) -> str:
        """Return the settings of a product made by its second method, as options."""
        settings = dict(self.settings(item)[product], method=self.other_method(item, product))
        settings["pixel"] = None
        return command_options(settings, _GROUPS[product])

    def product_options(self, inputs: Any, outputs: Any) -> str:
        """Return the options that name the earlier file to compare with and the file of numbers."""
        quantities = quoted("--quantities", outputs["quantities"])
        return f"{named_options(inputs, 'previous')} {quantities}".strip()

    def truth_settings(self, item: str) -> list[Any]:
        """Return what determines the truth and its comparison with the superbias."""
        superbias = self.settings(item)["superbias"]
        chosen = [superbias[name] for name in ("method", "sample", "pedestal")]
        return [*self.plan.truth_settings(item), *chosen]

    # Noise spectrum and reference pixels

    def makes_spectrum(self, item: str) -> bool:
        """Return whether the noise spectrum of an item is measured."""
        return self.settings(item)["spectrum"]["make"]

    def makes_reference_pixels(self, item: str) -> bool:
        """Return whether the stability of an item's reference pixels is measured.

        Raises
        ------
        DarkroomError
            When it is, but the noise spectrum that it needs is not.
        """
        wanted = self.settings(item)["reference_pixels"]["make"]
        if wanted and not self.makes_spectrum(item):
            raise DarkroomError(
                f"item {item}: reference_pixels.make needs the noise spectrum; set "
                "spectrum.make: true, or reference_pixels.make: false"
            )
        return wanted

    def spectrum_options(self, item: str, inputs: Any) -> str:
        """Return the options of a noise spectrum: earlier file, sums for the reference pixels."""
        sums = "--reference-sums" if self.makes_reference_pixels(item) else ""
        return f"{named_options(inputs, 'previous')} {sums}".strip()

    def noise_ramps(self, item: str) -> str:
        """Return the list of the ramps on which the noise of an item is measured."""
        purpose = planning.noise_purpose(self.settings(item))
        return f"{self.plan.folder(item)}/{purpose}_ramps.list"

    def previous_epoch(self, item: str, product: str) -> dict[str, str]:
        """Return the file of another epoch with which a product is compared, when there is one."""
        previous = self.settings(item)[product]["previous"]
        if previous == "none":
            return {}
        return {"previous": self.named_file(item, f"{product}.previous", previous)}

    def chosen_corrections(self, item: str) -> dict[str, str]:
        """Return the corrections of an item: ``{name: ""}``, or why one is not possible."""
        if not self.makes_reference_pixels(item):
            return {}
        subarrays = Counter(row.facts.get("subarray") or "" for row in self.plan.exposures(item))
        ((usual, _),) = subarrays.most_common(1)
        return planning.corrections_of(self.settings(item), {"subarray": usual})

    def corrections(self, item: str) -> list[str]:
        """Return the names of the corrections that are compared for an item."""
        return [name for name, why in self.chosen_corrections(item).items() if not why]

    def compared_exposures(self, item: str) -> list[str]:
        """Return the names of the exposures on which corrections are compared."""
        count = self.settings(item)["reference_pixels"]["exposures"]
        return [row.exposure for row in self.plan.exposures(item)][:count]

    def compared_raw(self, item: str) -> list[str]:
        """Return the status files of the raw exposures on which corrections are compared."""
        folder = f"{self.plan.results}/raw/{item}"
        return [f"{folder}/{name}.json" for name in self.compared_exposures(item)]

    def corrected(self, item: str, correction: str) -> list[str]:
        """Return the status files of those exposures after a correction."""
        place = "corrected" if self.engine(item) == "jwst" else "ramps"
        folder = f"{self.plan.folder(item)}/{place}/{correction}"
        return [f"{folder}/{name}.json" for name in self.compared_exposures(item)]

    def corrected_by_pipeline(self, item: str, correction: str) -> dict[str, str]:
        """Return the list of the pipeline's ramps with which those built in are compared."""
        made = f"{self.plan.folder(item)}/corrected/{correction}.list"
        return {"against": made} if self.engine(item) == "both" else {}

    def all_corrected(self, item: str) -> list[str]:
        """Return what lists those exposures after every correction: a list, or their folder."""
        names, folder = self.corrections(item), self.plan.folder(item)
        if self.engine(item) != "jwst":
            return [f"{folder}/ramps/{name}" for name in names]
        return [f"{folder}/corrected/{name}.list" for name in names]

    def correct_inputs(self, item: str, correction: str) -> dict[str, str]:
        """Return the further inputs of a correction: superbias, parameters, kernels."""
        folder = self.plan.folder(item)
        made = self.settings(item)["steps"]["superbias_from"] == "made"
        found = {"superbias": f"{folder}/superbias.fits"} if made else {}
        if correction == "optimal":
            found["best"] = f"{folder}/best_side.json"
        if correction == "sirs":
            found["kernel"] = f"{folder}/sirs_kernel.asdf"
        return found

    def corrected_options(self, item: str) -> str:
        """Return the options that name each correction with its exposures, or why it is missing."""
        words = [
            ["--corrected", name, *self.corrected(item, name)] for name in self.corrections(item)
        ]
        words += [
            ["--not-possible", name, why]
            for name, why in self.chosen_corrections(item).items()
            if why
        ]
        return " ".join(map(shlex.join, words))

    def noise_truth_inputs(self, item: str) -> dict[str, str]:
        """Return the noise products that are compared with the truth."""
        found = {"spectrum": f"{self.plan.folder(item)}/noise_spectrum.fits"}
        if self.makes_reference_pixels(item):
            found["reference"] = f"{self.plan.folder(item)}/reference_pixels.fits"
        return found

    # Figures and products

    def truth_files(self, item: str) -> dict[str, str]:
        """Return the truth of an item and the comparison with it, when its darks have one."""
        if not self.plan.simulated:
            return {}
        if not self.plan.campaign.items[item].get("simulate", {}).get("truth", True):
            return {}
        files = {"truth": "truth.fits", "comparison": "truth.json"}
        return {name: f"{self.plan.folder(item)}/{file}" for name, file in files.items()}

    def noise_figure_inputs(self, item: str) -> dict[str, str]:
        """Return the noise products of an item that its figures show."""
        folder, found = self.plan.folder(item), {}
        if self.makes_spectrum(item):
            found["noise_spectrum"] = f"{folder}/noise_spectrum.fits"
            if previous := self.previous_epoch(item, "spectrum"):
                found["noise_previous"] = previous["previous"]
            if self.plan.simulated:
                found["noise_truth"] = f"{folder}/noise_truth.json"
        if self.makes_reference_pixels(item):
            found["reference_pixels"] = f"{folder}/reference_pixels.fits"
        if self.corrections(item):
            found["corrections"] = f"{folder}/corrections.fits"
        if self.makes_bands(item):
            found["bands"] = f"{folder}/superbias_bands.fits"
        return found

    def figure_inputs(self, item: str) -> dict[str, Any]:
        """Return the products that the figures show besides superbias and read noise."""
        folder = self.plan.folder(item)
        others: dict[str, Any] = {
            f"{product}_other": [
                f"{folder}/{product}_other{kind}.fits" for kind in ("", "_details")
            ]
            for product in planning.PURPOSES
            if self.other_method(item, product)
        }
        others |= self.trends(item)
        darks = self.dark_files(item)
        return self.truth_files(item) | others | darks | self.noise_figure_inputs(item)

    def rules_files(self, item: str) -> list[str]:
        """Return what the products would replace among the rules of CRDS, by files."""
        products = (*planning.PURPOSES, *self.dark_products(item))
        return [f"{self.plan.folder(item)}/{product}_rules.json" for product in products]

    def figure_options(self, item: str, inputs: Any) -> str:
        """Return the options that name the products to show, and the pixel to mark."""
        others = ("superbias_other", "readnoise_other", "dark", "mask")
        names = (*others, "truth", "comparison", "trends", *_NOISE_FIGURES)
        chosen = [self.settings(item)[product]["pixel"] for product in planning.PURPOSES]
        pixel = chosen[0] or chosen[1]
        marked = f"--pixel {pixel[0]} {pixel[1]}" if pixel else ""
        return f"{named_options(inputs, *names)} {marked}".strip()

    def noise_quantities(self, item: str) -> list[str]:
        """Return the files with the numbers of an item's noise products."""
        names = ["noise_spectrum"] if self.makes_spectrum(item) else []
        names += ["reference_pixels"] if self.makes_reference_pixels(item) else []
        names += ["corrections"] if self.corrections(item) else []
        return [f"{self.plan.folder(item)}/{name}.json" for name in names]

    # Judgement

    def judged(self, item: str) -> dict[str, dict[str, Any]]:
        """Return the products of an item that have gates, and the inputs of each.

        Only the methods that measure statistics of the ramps have gates.
        """
        folder, settings = self.plan.folder(item), self.settings(item)
        frames = f"{folder}/frames.tsv"
        usual = {"superbias": "aligned", "readnoise": "line"}
        found: dict[str, dict[str, Any]] = {
            product: {
                "reference": f"{folder}/{product}.fits",
                "details": f"{folder}/{product}_details.fits",
                "frames": frames,
                "ramps": f"{folder}/{product}_ramps.list",
            }
            for product, method in usual.items()
            if settings[product]["method"] == method
        }
        if self.makes_spectrum(item):
            spectrum = f"{folder}/noise_spectrum.fits"
            found["noise_spectrum"] = {"reference": spectrum, "frames": frames}
            # The noise of the ramps that the superbias was made of, not of others.
            if "superbias" in found and planning.noise_purpose(settings) == "superbias":
                found["superbias"]["spectrum"] = spectrum
            if settings["readnoise"]["method"] == "line":
                found["noise_spectrum"]["readnoise"] = f"{folder}/readnoise.fits"
        if self.makes_reference_pixels(item):
            files = {"reference": f"{folder}/reference_pixels.fits", "frames": frames}
            found["reference_pixels"] = files
        for product in self.dark_products(item):
            if settings["dark"]["method"] == "gls":
                found[product] = {
                    "reference": f"{folder}/{product}.fits",
                    "details": f"{folder}/{product}_details.fits",
                    "frames": frames,
                }
        if "dark" in found:
            found["dark"]["ramps"] = f"{folder}/readnoise_ramps.list"
        if "mask" in found:
            found["mask"]["dark"] = f"{folder}/dark_details.fits"
        return found

    def gate_options(self, item: str, product: str, inputs: Any) -> str:  # noqa: ARG002
        """Return the options of the program ``gates`` that name its inputs and settings."""
        names = ("reference", "details", "readnoise", "spectrum", "dark", "frames")
        ramps = quoted("@" + inputs["ramps"]) if "ramps" in inputs.keys() else ""  # noqa: SIM118
        given = named_options(inputs, *names)
        return f"--keep {given} {self.harm_options(product)} {ramps}".rstrip()

    def quantities(self, item: str) -> list[str]:
        """Return the files with the numbers of all of an item's products."""
        made = [f"{self.plan.folder(item)}/{product}.json" for product in planning.PURPOSES]
        made += [f"{self.plan.folder(item)}/{name}.json" for name in self.dark_products(item)]
        return made + self.noise_quantities(item) + self.band_quantities(item)

    def products(self, item: str) -> list[str]:
        """Return the products of an item."""
        folder = self.plan.folder(item)
        made = [
            f"{folder}/{product}{suffix}"
            for product in (*planning.PURPOSES, *self.dark_products(item))
            for suffix in (".fits", "_details.fits", ".json", ".certified", "_rules.json")
        ]
        made += [f"{folder}/quantities.json", f"{folder}/item.json"]
        numbers = self.noise_quantities(item)
        tables = [path.replace(".json", ".csv") for path in numbers]
        shown = self.noise_figure_inputs(item)
        noise = [path for name, path in shown.items() if name != "noise_previous"]
        fit = [f"{folder}/noise_spectrum_fit.csv"] if self.makes_spectrum(item) else []
        numbers = numbers + self.band_quantities(item)
        return [*made, *self.truth_files(item).values(), *noise, *tables, *numbers, *fit]


def measured_options(inputs: Any) -> str:
    """Return the options for the measured input of a correction: parameters or kernels."""
    return input_options(inputs, {"best": "--parameters @", "kernel": "--sirs-kernel "})
