"""Make the folders of deliveries: file, form, verdict, evidence. Nothing is sent.

Only a product whose verdict is deliver gets a folder, <item>/delivery/<product>; for each other one
sentence says why, and the program ends with status 3. A reason in the campaign (deliver.override)
delivers nevertheless, and is written into the form. A folder that was made when the verdict was
another is taken away: its README tells how to send the file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from darkroom.cli import ListFileParser, run


def main() -> int:
    """Run the program."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("products", nargs="+", metavar="ITEM/PRODUCT")
    parser.add_argument("--campaign", required=True, help="name or path of the campaign")
    parser.add_argument("--results", required=True, type=Path, help="folder of its results")
    arguments = parser.parse_args()

    from darkroom.campaign.campaign import open_campaign
    from darkroom.campaign.lock import require_lock
    from darkroom.delivery.folder import REFUSED, refusal, withdraw, write_folder

    base = Path(__file__).resolve().parents[2]
    campaign = open_campaign(arguments.campaign, base)
    lock, settings = require_lock(campaign), campaign.settings["deliver"]
    # Of blanks alone it is no reason.
    override = " ".join(settings["override"].split())
    refused = []
    for name in arguments.products:
        item, _, product = name.partition("/")
        folder = arguments.results / item
        verdict = _verdict(folder / "judge" / f"verdict_{product}.json")
        if reason := refusal(verdict, override):
            if withdraw(folder / "delivery" / product):
                print(f"{folder / 'delivery' / product}: taken away")
            refused.append(reason)
            continue
        dates = sorted(row.facts.get("date_obs", "") for row in lock.of(item))
        made = _delivery(campaign, folder, product, verdict, (dates[0], dates[-1]), override)
        form = write_folder(folder / "delivery" / product, made)
        print(f"{folder / 'delivery' / product}: {form or 'no form'}")
    for reason in refused:
        print(f"ERROR {reason}")
    return REFUSED if refused else 0


def _verdict(path: Path) -> dict[str, Any]:
    from darkroom.counterfactual.records import read_record

    return read_record(path, "darkroom verdict 1")


def _delivery(
    campaign: Any, folder: Path, product: str, verdict: dict[str, Any], dates: tuple[str, str],
    override: str,
) -> Any:  # fmt: skip
    """Return what is put into the folder of a product."""
    from astropy.io import fits

    from darkroom.delivery.folder import Delivery, withdraw
    from darkroom.delivery.form import Facts, fill
    from darkroom.delivery.validity import sentences
    from darkroom.errors import InputError
    from darkroom.provenance import sha256

    name, settings = Path(verdict["file"]).name, campaign.settings["deliver"]
    # Darks of CGI are in a folder of the item.
    places = [path for path in (folder / name, folder / "darks" / name) if path.is_file()]
    if not places:
        raise InputError(
            folder / name, "no such file, but it has a verdict", "run snakemake judge again"
        )
    file = places[0]
    if sha256(file) != verdict["sha256"]["candidate"]:
        withdraw(folder / "delivery" / product)
        raise InputError(file, "is not the file that was judged", "run snakemake judge again")
    judge = folder / "judge"
    known = {
        "certify.log": folder / f"{product}.certified",
        "rules.diff": judge / f"insertion_{product}.diff",
        "insertion.json": judge / f"insertion_{product}.json",
        "counterfactual.json": judge / f"counterfactual_{product}.json",
    }
    evidence = {name: path for name, path in known.items() if path.is_file()}
    against = override if verdict["verdict"] != "deliver" else ""
    form, header = None, fits.getheader(file)
    told = sentences(_validity(folder / "trends.json", product), str(header.get("USEAFTER", "")))
    if insertion := verdict.get("insertion"):
        current = _in_use(campaign, folder, product, verdict)
        certified = evidence.get("certify.log")
        form = fill(
            Facts(
                verdict, insertion, _cards(header),
                _cards(fits.getheader(current)) if current else {},
                certified.read_text(encoding="utf-8") if certified else None,
                settings, dates, f"{folder.name}/{product}" in settings["bad"], against, told,
            )
        )  # fmt: skip
    context = verdict.get("context") or ""
    path = judge / f"verdict_{product}.json"
    return Delivery(product, file, path, evidence, form, context, against, told)


def _in_use(campaign: Any, folder: Path, product: str, verdict: dict[str, Any]) -> Path | None:
    """Return the file in use that a product is compared with; None when it is not here."""
    from darkroom.crds.cache import Cache
    from darkroom.crds.settings import crds_settings

    previous = folder / f"previous_{product}.fits"
    if previous.is_file():
        return previous
    insertion = verdict["insertion"]
    name = insertion.get("current")
    if not name:
        return None
    observatory = insertion["context"].partition("_")[0]
    cache = crds_settings(campaign, observatory, str(folder.parent.parent)).cache
    return Cache(cache, observatory).reference(name)


def _validity(path: Path, product: str) -> dict[str, Any] | None:
    """Return what the series of the product says of its validity; None without a series."""
    if not path.is_file():
        return None
    products = json.loads(path.read_text(encoding="utf-8"))["products"]
    found: dict[str, Any] | None = products.get(product, {}).get("validity")
    return found


def _cards(header: Any) -> dict[str, Any]:
    return dict(header) | {"HISTORY": [str(line) for line in header.get("HISTORY", [])]}


if __name__ == "__main__":
    run(main)
