"""What the report shows of the gain that flats told: a key number, a table, warnings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.ccd import distributions
from darkroom.ccd.figures.inputs import read_table
from darkroom.ccd.products.amplifiers import NAME, opened_part, part_count
from darkroom.ccd.products.hdus import read_primary
from darkroom.report.item import inside

if TYPE_CHECKING:
    from pathlib import Path

    from darkroom.hints import StrPath

_MISFIT = 1e-3
# The header's gain is said to differ from this share and this many errors on.
_DIFFERS, _SIGNIFICANT = 0.05, 5.0


def add_gain(described: dict[str, Any], path: StrPath, folder: Path) -> None:
    """Add the gain to the content of an item file.

    Parameters
    ----------
    described : dict
        As from `darkroom.ccd.figures.item.describe`; changed.
    path : path-like
        The gain product.
    folder : pathlib.Path
        Folder of the item.
    """
    for number in range(part_count(path)):
        with opened_part(path, number) as hdus:
            header = dict(hdus["PTC"].header)
        where = f" of {header[NAME]}" if NAME in header else ""
        stated = header["GAINHDR"]
        stated = stated if isinstance(stated, int | float) else None
        described["warnings"] += [
            f"Flats{where}: {header[f'LEFT{k}']}; left out." for k in range(1, header["NLEFT"] + 1)
        ]
        if not isinstance(header["GAINPTC"], float):
            described["warnings"].append(
                f"The flats tell no gain{where}: errors of science frames hold no photon noise "
                "unless gain_e_per_adu is given."
            )
            continue
        described["key_numbers"].append(
            {
                "label": f"Gain{where}",
                "value": header["GAINPTC"],
                "error": header["GAINERR"],
                "unit": "e-/ADU",
                "note": "photon transfer of flats; the header states "
                + ("none" if stated is None else f"{stated:g}")
                + f"; full well {'above ' if header['FWLIMIT'] else ''}{header['FWELLE']:.0f} e-",
            }
        )
        described["warnings"] += _warnings(header, where, stated)
    columns = {
        "exptime": "exposure time [s]", "signal": "signal [ADU]", "variance": "variance [ADU²]",
        "varerr": "its error [ADU²]", "model": "fit [ADU²]", "linear": "signal/time, deviation",
    }  # fmt: skip
    rows, several = [], part_count(path) > 1
    for number in range(part_count(path)):
        table = read_table(path, "PTC", number)
        values = np.column_stack([table[name] for name in columns]).tolist()
        own = [read_primary(path, number)[NAME]] if several else []
        rows += [
            [*own, *(float(f"{v:.5g}") if np.isfinite(v) else None for v in row)] for row in values
        ]
    described["tables"].append(
        {
            "title": "Photon transfer",
            "columns": [*(["amplifier"] if several else []), *columns.values()],
            "rows": rows,
            "note": "One row for each pair of flats. Levels above 0.7 of the largest are shown, "
            "but do not tell the gain.",
        }
    )
    described["products"].append(
        {"file": inside(path, folder), "what": "gain, full well and linearity from flats"}
    )


def _warnings(header, where, stated):
    found = []
    if (
        header["PTCDOF"]
        and distributions.chi2_chance(header["PTCCHI2"], header["PTCDOF"]) < _MISFIT
    ):
        found.append(
            f"The variance of flats{where} does not follow their signal: χ² "
            f"{header['PTCCHI2']:.0f} of {header['PTCDOF']}; the error of the gain is scaled up."
        )
    gain, error = header["GAINPTC"], header["GAINERR"]
    if stated and abs(stated - gain) > max(_DIFFERS * gain, _SIGNIFICANT * error):
        found.append(
            f"The header states a gain{where} of {stated:g}, photon transfer gives {gain:.4g} ± "
            f"{error:.2g} e-/ADU: the card may be a setting of the camera, not a gain in e-/ADU."
        )
    worst, scatter = header["LINWORST"], header["LINERR"]
    if isinstance(worst, float) and isinstance(scatter, float) and abs(worst) > 5 * scatter:
        found.append(
            f"Flats{where} are not linear: {100 * worst:+.2f} % from signal = rate × time, where "
            f"the lamp scatters by {100 * scatter:.2f} %."
        )
    return found
