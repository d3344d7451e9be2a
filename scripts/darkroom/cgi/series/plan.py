"""What the workflow plans of series of the coronagraph camera. Standard library only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from darkroom.epochs.plan import SeriesPlan
from darkroom.workflow.plan import named_options


class CgiSeriesPlan(SeriesPlan):
    """The part of the CGI pipeline that plans series of epochs."""

    if TYPE_CHECKING:

        def options(self, item: str, program: str) -> str:
            """Return the settings of a program as options."""

        def files(self, item: str, program: str) -> dict[str, str]:
            """Return the files that the settings of a program name."""

    def series_products(self, item: str) -> list[str]:
        """Return the products that are compared with a series; none without ``epochs.series``."""
        return ["noise_maps"] if self.settings(item)["epochs"]["series"] else []

    def series_inputs(self, item: str, product: str) -> dict[str, str]:
        """Return what a state is made from: frames, and what gives the template of the series."""
        frames = {"frames": f"{self.plan.folder(item)}/dark.list"} | self.files(item, "state")
        earlier = self.earlier_states(item, product)
        return frames | ({"series": earlier[0]} if earlier else {})

    def state_options(self, item: str, product: str, inputs: Any) -> str:  # noqa: ARG002
        """Return the options of a state: template, and how frames are prepared."""
        return f"{named_options(inputs, 'series')} {self.options(item, 'state')}"
