"""Noise spectrum of dark ramps: measurement, files, quantities and changes since another epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from darkroom.errors import InputError
from darkroom.nircam.products import Provenance, save
from darkroom.nircam.ramps.ramps import RampSet
from darkroom.nircam.spectrum import products as files
from darkroom.nircam.spectrum.measure import Spectrum, measure
from darkroom.nircam.spectrum.numbers import BAND, numbers, pedestal_noise
from darkroom.nircam.spectrum.source import RampSource, check_uncorrected
from darkroom.report.quantities import log_quantities, quantity, write_quantities

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from darkroom.hints import StrPath
    from darkroom.nircam.spectrum.gather import FrameSums

#: Spectral lines that are named one by one; noise without a smooth spectrum has thousands.
_SHOWN = 20


@dataclass
class SpectrumResult:
    """Result of `run`.

    Attributes
    ----------
    ramps : RampSet
        The ramps measured.
    spectrum : Spectrum
        Their noise spectrum.
    derived : dict
        Quantities derived from it, see `darkroom.nircam.spectrum.numbers.numbers`.
    changes : list of dict
        Changes since another epoch, see `compare`; empty without one.
    further : FrameSums or None
        Further sums over the same frames.
    """

    ramps: RampSet
    spectrum: Spectrum
    derived: dict[str, np.ndarray]
    changes: list[dict[str, Any]]
    further: FrameSums | None = None


def run(
    paths: Sequence[StrPath],
    previous: StrPath | None = None,
    threads: int = 1,
    keep: bool = False,
    further: Callable[[RampSource], FrameSums | None] | None = None,
) -> SpectrumResult:
    """Measure the noise spectrum of dark exposures.

    Parameters
    ----------
    paths : sequence of path-like
        Dark ramps of one detector.
    previous : path-like, optional
        Noise spectrum of another epoch to compare with.
    threads : int
        Threads of the Fourier transforms.
    keep : bool
        Use exposures that are refused when they are judged.
    further : callable, optional
        Returns empty sums to which the frames of the ramps are added as well.

    Returns
    -------
    SpectrumResult
    """
    ramps = RampSet(paths, "noise spectrum", keep=keep, whole=True)
    check_uncorrected(ramps)
    before = None if previous is None else read_parameters(previous, ramps)
    source = RampSource(ramps)
    sums = further(source) if further else None
    spectrum = measure(source, threads, sums)
    derived = numbers(spectrum.fit, spectrum.grid)
    changes = [] if before is None else compare(files.parameter_rows(spectrum), before)
    return SpectrumResult(ramps, spectrum, derived, changes, sums)


def read_parameters(path: StrPath, ramps: RampSet) -> dict[tuple[str, int], tuple[float, float]]:
    """Return the fitted parameters of an earlier noise spectrum.

    Parameters
    ----------
    path : path-like
        FITS file written by ``noise_spectrum.py``.
    ramps : RampSet
        Ramps whose spectrum it is compared with.

    Returns
    -------
    dict
        ``{(parameter, amplifier): (value, error)}``; amplifier -1 for common parameters.

    Raises
    ------
    InputError
        When it is no noise spectrum, or of another detector or subarray.
    """
    try:
        with fits.open(path) as hdus:
            header, table = hdus[0].header, hdus["FIT"].data
            found = {
                (str(row["PARAMETER"]), int(row["AMPLIFIER"])): (
                    float(row["VALUE"]),
                    float(row["ERROR"]),
                )
                for row in table
            }
    except (OSError, KeyError) as error:
        raise InputError(path, f"is no noise spectrum ({error})") from error
    for card, here in (
        ("DETECTOR", ramps.readout.detector),
        ("SUBARRAY", ramps.readout.subarray),
    ):
        if header.get(card) != here:
            raise InputError(
                path,
                f"{card} is {header.get(card)}, the exposures' is {here}",
                "give a noise spectrum of the same detector and subarray",
            )
    return found


def compare(
    rows: Iterable[dict[str, Any]], before: dict[tuple[str, int], tuple[float, float]]
) -> list[dict[str, Any]]:
    """Return the change of every parameter that both epochs have.

    Parameters
    ----------
    rows : iterable of dict
        Result of `darkroom.nircam.spectrum.products.parameter_rows`.
    before : dict
        Result of `read_parameters`.
    """
    changes = []
    for row in rows:
        key = row["parameter"], row["amplifier"]
        if key in before:
            value, error = before[key]
            total = float(np.hypot(row["error"], error))
            changes.append(
                {
                    "parameter": key[0],
                    "amplifier": key[1],
                    "previous": value,
                    "previous_error": error,
                    "change": row["value"] - value,
                    "error": total,
                    "sigma": (row["value"] - value) / total if total > 0 else float("nan"),
                }
            )
    return changes


def write(
    made: SpectrumResult,
    output: StrPath,
    table: StrPath,
    numbers_table: StrPath,
    further: Sequence[fits.BinTableHDU] = (),
) -> None:
    """Write the product as FITS, and the spectrum and the fit as CSV.

    Parameters
    ----------
    made : SpectrumResult
        Result of `run`.
    output : path-like
        FITS file.
    table : path-like
        CSV file of the bins.
    numbers_table : path-like
        CSV file of the parameters of the fit.
    further : sequence of HDUs
        Further tables of the FITS file.
    """
    ramps = made.ramps
    provenance = Provenance.from_ramps("noise_spectrum", ramps, {})
    measured = files.MeasuredFrom.from_ramps(made.spectrum, ramps)
    hdus = files.hdus(made.spectrum, made.derived, measured)
    provenance.stamp(hdus[0].header)
    if made.changes:
        hdus.append(files.products.table("CHANGES", made.changes))
    save(output, [*hdus, *further])
    files.write_csv(table, files.bin_rows(made.spectrum))
    files.write_csv(numbers_table, files.parameter_rows(made.spectrum))


def report(made: SpectrumResult, path: StrPath | None = None) -> None:
    """Log the quantities of a noise spectrum, and write them when a path is given."""
    spectrum, derived = made.spectrum, made.derived
    entries = [
        quantity("exposures", len(made.ramps.files), "", "input files"),
        quantity("ramps", len(made.ramps.ramps), "", "integrations of all files"),
    ]
    low = max(BAND[0], spectrum.fit.lowest_frequency)
    definitions = {
        "white": "white noise of one read",
        "common_band": f"common 1/f noise of one read, {low:.3g} to {BAND[1]:g} Hz, from the fit",
        "own_band": f"1/f noise of the amplifier, {low:.3g} to {BAND[1]:g} Hz, from the fit",
        "cds_common": "common 1/f noise of the difference of two reads, from the fit",
        "cds": "noise of the difference of two reads, from the fit, above "
        f"{spectrum.fit.lowest_frequency:.3g} Hz",
    }
    if len(spectrum.amplifiers) == 1:
        definitions = {name: text for name, text in definitions.items() if "common" not in name}
    for place, a in enumerate(spectrum.amplifiers):
        for name, definition in definitions.items():
            entries.append(
                quantity(
                    f"{name.replace('_', ' ')}, amplifier {a}", derived[name][place], "DN",
                    definition, uncertainty=derived[f"{name}_error"][place],
                )
            )  # fmt: skip
        entries.append(
            quantity(
                f"weak pixels, amplifier {a}", spectrum.weak[place], "DN2",
                "mean square noise of telegraph pixels and cosmic rays too weak to be detected, "
                "from the tail of the distribution of pixel noise; subtracted from white noise",
                uncertainty=spectrum.weak_error[place],
            )
        )  # fmt: skip
        entries.append(
            quantity(
                f"knee, amplifier {a}", derived["knee"][place], "Hz",
                "frequency at which 1/f noise, common and own, equals white noise",
            )
        )  # fmt: skip
    common, own, count = pedestal_noise(spectrum.pedestals)
    text = f"standard deviation of {count} differences of frames / sqrt(2)"
    entries += [
        quantity("frame to frame, common", common, "DN", "mean of the amplifiers, " + text),
        quantity("frame to frame, amplifier", own, "DN", "amplifier about that mean, " + text),
    ]
    shown = sorted(spectrum.lines, key=lambda line: line.rms)[-_SHOWN:]
    if len(shown) < len(spectrum.lines):
        text = f"the strongest {_SHOWN} follow, all are in table LINES"
        entries.append(quantity("spectral lines", len(spectrum.lines), "", text))
    for line in sorted(shown, key=lambda line: line.frequency):
        text = (
            f"coherence between amplifiers {line.coherence:.2f}; {line.nbins} frequencies left out"
        )
        entries.append(quantity(f"line at {line.frequency:.2f} Hz", line.rms, "DN", text))
    for row in made.changes:
        text = f"since the previous epoch ({row['previous']:.4g}); {row['sigma']:.1f} sigma"
        name = row["parameter"] + (
            "" if row["amplifier"] < 0 else f", amplifier {row['amplifier']}"
        )
        entries.append(
            quantity(f"change of {name}", row["change"], "", text, uncertainty=row["error"])
        )
    log_quantities(entries)
    if path:
        write_quantities(path, entries)
