"""What a delivery is planned of: files in folders of an item, products without gates."""

from types import SimpleNamespace

from darkroom.delivery.planning import Deliveries


class Pipeline:
    """An instrument whose products are in several places, one of them not its own."""

    items = ("a",)

    def counterfactuals(self, _):
        return {name: [] for name in ("maps", "dark", "plain", "elsewhere")}

    def judged(self, _):
        return {
            "maps": {"reference": "r/a/maps.fits"}, "dark": {"file": "r/a/darks/dark.fits"},
            "elsewhere": {"candidate": "/other/file.fits"},
        }  # fmt: skip

    def products(self, _):
        return ["r/a/maps.certified"]


def test_files_of_a_delivery():
    campaign = SimpleNamespace(
        settings={"deliver": {"products": []}}, items={"a": {"instrument": "x"}}
    )
    plan = SimpleNamespace(campaign=campaign, folder=lambda item: f"r/{item}")
    made = Deliveries(plan, {"x": Pipeline()})
    # A file that was made elsewhere is compared, and not delivered here.
    assert made.products() == ["a/maps", "a/dark", "a/plain"]
    assert made.inputs() == [
        "r/a/maps.fits", "r/a/judge/verdict_maps.json", "r/a/maps.certified",
        "r/a/darks/dark.fits", "r/a/judge/verdict_dark.json",
        "r/a/plain.fits", "r/a/judge/verdict_plain.json",
    ]  # fmt: skip
