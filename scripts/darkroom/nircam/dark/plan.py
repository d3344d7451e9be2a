"""Dark, mask and bands of the superbias as the workflow plans them. Standard library only."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from darkroom.errors import DarkroomError
from darkroom.nircam import planning
from darkroom.nircam.series.plan import NircamSeriesPlan
from darkroom.workflow.plan import input_options

_BANDS = {"--with-side": "side", "--without-side": "top_bottom"}


class NircamDarkPlan(NircamSeriesPlan):
    """The part of the NIRCam pipeline that plans dark, mask and bands of the superbias."""

    if TYPE_CHECKING:

        def engine(self, item: str) -> str:
            """Return what runs the steps of an item: builtin, jwst or both."""

        def makes_reference_pixels(self, item: str) -> bool:
            """Return whether the stability of an item's reference pixels is measured."""

        def corrections(self, item: str) -> list[str]:
            """Return the names of the corrections that are compared for an item."""

        def corrected(self, item: str, correction: str) -> list[str]:
            """Return the status files of the exposures compared after a correction."""

        def product_options(self, inputs: Any, outputs: Any) -> str:
            """Return the options that name earlier file and file of numbers."""

    def dark_products(self, item: str) -> list[str]:
        """Return the names of those of dark and mask that are made for an item."""
        settings = self.settings(item)
        planning.check_dark(settings, item)
        return [product for product in ("dark", "mask") if settings[product]["make"]]

    def dark_files(self, item: str) -> dict[str, list[str]]:
        """Return the files of dark and mask that are made for an item, with their details."""
        folder = self.plan.folder(item)
        return {
            product: [f"{folder}/{product}{kind}.fits" for kind in ("", "_details")]
            for product in self.dark_products(item)
        }

    def dark_inputs(self, item: str) -> dict[str, str]:
        """Return the gain reference and the earlier dark that the dark of an item needs."""
        found = self.previous(item, "dark")
        if self.settings(item)["dark"]["gain"] is None:
            found["gain"] = f"{self.plan.folder(item)}/previous_gain.fits"
        return found

    def dark_options(self, inputs: Any, outputs: Any) -> str:
        """Return the options that name the gain, the earlier dark and the file of numbers."""
        gain = input_options(inputs, {"gain": "--gain-file "})
        return f"{gain} {self.product_options(inputs, outputs)}".strip()

    def mask_inputs(self, item: str) -> dict[str, str]:
        """Return the earlier mask and the bad reference pixels, where there are such."""
        found = self.previous(item, "mask")
        if self.makes_reference_pixels(item):
            found["pixels"] = f"{self.plan.folder(item)}/reference_pixels.fits"
        return found

    def mask_options(self, item: str, inputs: Any, outputs: Any) -> str:
        """Return the options of a mask: earlier mask, numbers, and bad pixels that others found."""
        options = {"pixels": "--reference-pixels "}
        if self.settings(item)["readnoise"]["method"] == "line":
            options["readnoise"] = "--readnoise "
        found = input_options(inputs, options)
        return f"{found} {self.product_options(inputs, outputs)}".strip()

    def makes_bands(self, item: str) -> bool:
        """Return whether rows with and without side reference pixels are compared.

        Raises
        ------
        DarkroomError
            When they are, but the corrections that it needs are not made.
        """
        if not self.settings(item)["superbias"]["bands"]:
            return False
        if lacking := [name for name in _BANDS.values() if name not in self.corrections(item)]:
            raise DarkroomError(
                f"item {item}: superbias.bands needs the corrections side and top_bottom, and "
                f"{' and '.join(lacking)} is not made; set reference_pixels.make and "
                "reference_pixels.corrections, of full frames or SUBGRISM subarrays, or "
                "superbias.bands: false"
            )
        return True

    def band_inputs(self, item: str) -> list[str]:
        """Return the exposures that are compared, or their folders (of the built-in engine)."""
        if self.engine(item) != "jwst":
            folder = f"{self.plan.folder(item)}/ramps"
            return [f"{folder}/{correction}" for correction in _BANDS.values()]
        return [path for correction in _BANDS.values() for path in self.corrected(item, correction)]

    def band_options(self, item: str) -> str:
        """Return the options that name the exposures with and without side reference pixels."""
        words = [[option, *self.corrected(item, name)] for option, name in _BANDS.items()]
        return " ".join(map(shlex.join, words))

    def band_quantities(self, item: str) -> list[str]:
        """Return the file with the numbers of that comparison, if it is made."""
        return [f"{self.plan.folder(item)}/superbias_bands.json"] if self.makes_bands(item) else []
