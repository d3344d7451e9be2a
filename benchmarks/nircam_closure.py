"""Do simulated detectors with the noise of the real ones give back what was put in?

Prints the table of `docs/products-nircam-noise.md`, one detector after the other, then the
deviations of all fitted parameters over their quoted errors.
"""

import argparse
import dataclasses
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests")]

from darkroom.nircam.simulate.values import DEFAULTS, MEASURED  # noqa: E402
from darkroom.nircam.spectrum.model import Layout  # noqa: E402
from darkroom.nircam.spectrum.numbers import numbers  # noqa: E402
from nircam_spectra import closure, pulls  # noqa: E402

#: Noise of the difference of two reads on the ground, DN: white, common and own 1/f (pynrc).
PUBLISHED = {
    "NRCA1": ("6.5–8.7", "5–7", "2"),
    "NRCA2": ("5.6–6.0", "3.5–4.7", "2"),
    "NRCA3": ("5.4–6.6", "4–5", "1.8"),
    "NRCA4": ("5.7–6.1", "4–5", "1.8"),
    "NRCALONG": ("5.6–7.5", "5–6.3", "2–2.4"),
    "NRCB1": ("6.9–7.0", "6–9", "2"),
    "NRCB2": ("5.6–6.3", "5.5–7.8", "2"),
    "NRCB3": ("5.9–7.5", "5.5–8.3", "2"),
    "NRCB4": ("5.6–6.2", "5–9", "2"),
    "NRCBLONG": ("6.0–6.6", "6–8.5", "2"),
}
_COLUMNS = (
    "detector", "white", "common", "own", "alternating", "CDS common", "CDS own",
    "published white", "common", "own",
)  # fmt: skip


def true_fit(fit, true):
    """Return the fit with the values put in."""
    layout = Layout(fit.layout.namplifiers, True)
    values = [true[n] if "_index" in n else np.log(true[n]) for n in layout.names]
    nothing = np.zeros((len(values), len(values)))
    return dataclasses.replace(fit, layout=layout, values=np.array(values), covariance=nothing)


def row(detector, spectrum, true):
    """Return the cells of one detector."""
    fit, grid = spectrum.fit, spectrum.grid
    found, wanted = numbers(fit, grid), numbers(true_fit(fit, true), grid)

    def rms(name):
        return [np.sqrt(np.mean(n[name] ** 2)) for n in (wanted, found)]

    def mean(name, scale):
        got = np.array([fit.get(f"{name}_{a}") for a in range(4)])
        error = np.sqrt((got[:, 1] ** 2).sum()) / 4
        return f"{scale * got[:, 0].mean():.3f} ± {scale * error:.3f}"

    error = np.sqrt(np.mean(found["white_error"] ** 2)) / 2
    value, of_common = fit.get("common")
    white = "{:.4f}, {:.4f}".format(*rms("white")) + f" ± {error:.4f}"
    common = f"{1e3 * true['common']:.2f}, {1e3 * value:.2f} ± {1e3 * of_common:.2f}"
    cds = [
        "{:.2f}, {:.2f}".format(*rms(f"cds_{part}"))
        + f" ± {np.mean(found[f'cds_{part}_error']):.2f}"
        for part in ("common", "own")
    ]
    return (
        detector, white, common, mean("own", 1e3), mean("alternating", 1e3), *cds,
        *PUBLISHED[detector],
    )  # fmt: skip


def main():
    """Print the table and the deviations."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2048, help="rows of a frame (default: 2048)")
    parser.add_argument("--ramps", type=int, default=2, help="ramps of ten groups (default: 2)")
    parser.add_argument("--seed", type=int, default=DEFAULTS["seed"], help="of the simulator")
    arguments = parser.parse_args()
    print(f"| {' | '.join(_COLUMNS)} |\n|{'---|' * len(_COLUMNS)}")
    deviations, weak = {}, []
    for detector in sorted(MEASURED):
        spectrum, true = closure(detector, arguments.rows, arguments.ramps, seed=arguments.seed)
        print(f"| {' | '.join(row(detector, spectrum, true))} |", flush=True)
        for kind, values in pulls(spectrum, true).items():
            deviations.setdefault(kind, []).extend(values)
        weak.extend(spectrum.weak / (spectrum.grid.half_rate * true["white_0"]))
    print("\n| parameter | deviation / error: mean | scatter | values |\n|---|---|---|---|")
    for kind, values in deviations.items():
        numbers_of = f"{np.mean(values):+.2f} | {np.std(values):.2f} | {len(values)}"
        print(f"| {kind.replace('_', ' ')} | {numbers_of} |")
    print(f"\nWeak pixels added {100 * np.mean(weak):.3f} % to the power of white noise.")


if __name__ == "__main__":
    main()
