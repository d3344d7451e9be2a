"""Correlated noise of NIRCam's read-out, made from its power spectrum.

Spectra are one-sided, in DN²/Hz, so that an amplitude means the same for a ramp of any length.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.nircam.detector.readout import OUTPUTS, PIXEL_TIME, ROW_OVERHEAD
from darkroom.nircam.simulate.refpix_residual import residual_variance

if TYPE_CHECKING:
    from collections.abc import Callable

    from darkroom.nircam.detector.readout import Readout

# Most samples of noise that are made at once: the transform of more would need above 4 GB.
_MAX_SAMPLES = 1.2e8
# Frames of a part of a longer integration.
_PART = 12


def power_law(law: dict[str, float]) -> Callable[[np.ndarray], np.ndarray]:
    """Return the power spectrum of a law as a function: frequencies (Hz, above 0) to DN²/Hz.

    Parameters
    ----------
    law : dict
        ``amplitude`` (DN²/Hz at 1 Hz), ``index``; optionally ``excess`` (DN²/Hz at 1 Hz) and its
        ``knee_hz``.
    """

    def spectrum(frequency):
        power = law["amplitude"] * frequency ** -law["index"]
        if law.get("excess"):
            power += law["excess"] / (frequency * (1 + (frequency / law["knee_hz"]) ** 2))
        return power

    return spectrum


def correlated_variance(full: dict[str, Any], readout: Readout) -> np.ndarray:
    """Return the variance of correlated noise after the pipeline's reference-pixel correction.

    Parameters
    ----------
    full : dict
        Complete settings of the simulator.
    readout : darkroom.nircam.detector.readout.Readout
        Readout of the frame.

    Returns
    -------
    (ny, nx) float array
        Variance of one read, DN², detector frame. From a frame of one output the pipeline
        subtracts the mean of all its reference pixels. The difference between a row and that mean
        remains; it grows with the time between them. For full-width frames see
        `darkroom.nircam.simulate.refpix_residual`.
    """
    if readout.noutputs == OUTPUTS:
        return residual_variance(
            full, readout, lambda law, frequency: power_law(full[law])(frequency)
        )
    none = np.zeros(readout.shape)
    weight = readout.reference_pixels().sum(axis=1).astype(float)
    if full["noise_sampling"] == "off":
        return none
    by_row = full["noise_sampling"] == "row"
    row = (readout.columns_per_amplifier + ROW_OVERHEAD) * PIXEL_TIME
    fastest = 0.5 / (row if by_row else PIXEL_TIME)
    frequency = np.geomspace(min(0.01 / readout.frame_time, fastest), fastest, 3000)
    laws = ["common", "amplifier"] if by_row else ["common", "amplifier", "alternating"]
    power = sum(power_law(full[law])(frequency) for law in laws)
    if not weight.any():
        return none + np.trapezoid(power, frequency)
    # Fourier transform of the times at which reference pixels are read; a row is a window of its
    # own length.
    phase = np.exp(2j * np.pi * row * np.outer(np.arange(readout.ny), frequency))
    mean = (weight / weight.sum()) @ phase * np.sinc(frequency * row)
    return none + np.trapezoid(power * np.abs(phase - mean) ** 2, frequency, axis=1)[:, None]


def synthesise(
    rng: np.random.Generator,
    spectrum: Callable[[np.ndarray], np.ndarray],
    samples: int,
    interval: float,
) -> np.ndarray:
    """Return random noise with a given power spectrum.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of random numbers.
    spectrum : callable
        One-sided power spectrum (per Hz) as a function of frequencies (Hz) above 0.
    samples : int
        Number of samples.
    interval : float
        Time between samples in seconds.

    Returns
    -------
    (samples,) float32 array
        Noise of expectation 0. It is cut from a periodic stream of twice the length, so that its
        end is not correlated with its beginning.
    """
    from scipy import fft

    length = fft.next_fast_len(2 * samples, real=True)
    frequency = fft.rfftfreq(length, interval)[1:]
    size = np.sqrt(spectrum(frequency) * (length / (4 * interval))).astype(np.float32)
    wave = np.zeros(frequency.size + 1, np.complex64)
    wave[1:].real = rng.standard_normal(frequency.size, dtype=np.float32)
    wave[1:].imag = rng.standard_normal(frequency.size, dtype=np.float32)
    wave[1:] *= size
    return fft.irfft(wave, length)[:samples]


class ReadoutNoise:
    """The correlated noise of one integration, frame by frame.

    Parameters
    ----------
    full : dict
        Complete settings of the simulator.
    readout : darkroom.nircam.detector.readout.Readout
        Readout of the frames.
    frames : int
        Number of frames of the integration, dropped frames included.
    coupling : (noutputs,) array
        Coupling of each amplifier to the common noise.
    stream : callable
        ``stream(component)`` returns the random generator of a component.
    """

    def __init__(
        self,
        full: dict[str, Any],
        readout: Readout,
        frames: int,
        coupling: np.ndarray,
        stream: Callable[[str], np.random.Generator],
    ) -> None:
        self.readout = readout
        self.by_row = full["noise_sampling"] == "row"
        row = readout.columns_per_amplifier + ROW_OVERHEAD
        self.row_ticks = row
        step = row if self.by_row else 1
        samples = -(-readout.ticks * frames // step)
        interval = step * PIXEL_TIME
        common = synthesise(stream("common"), power_law(full["common"]), samples, interval)
        self.streams = np.outer(coupling, common).astype(np.float32)
        own, alternating = stream("amplifier"), stream("alternating")
        for amplifier in range(readout.noutputs):
            law = power_law(full["amplifier"])
            self.streams[amplifier] += synthesise(own, law, samples, interval)
            if not self.by_row:
                law = power_law(full["alternating"])
                noise = synthesise(alternating, law, samples, interval)
                noise[1::2] *= -1
                self.streams[amplifier] += noise
        self._add_lines(full["lines"], coupling, stream("lines"))

    def _add_lines(self, lines, coupling, rng):
        time = np.arange(self.streams.shape[1]) * PIXEL_TIME if lines else None
        for line in lines:
            phase = rng.random()
            wave = np.sin(2 * np.pi * (line["hz"] * time + phase)) * np.sqrt(2) * line["rms"]
            self.streams += np.outer(coupling, wave).astype(np.float32)

    def frame(self, number: int) -> np.ndarray:
        """Return the noise of one frame: (ny, nx) float32, DN, detector frame."""
        readout = self.readout
        start = number * readout.ticks
        if not self.by_row:
            return readout.from_clock(self.streams[:, start : start + readout.ticks])
        rows = (start + np.arange(readout.ny) * self.row_ticks) // self.row_ticks
        return np.repeat(self.streams[:, rows].T, readout.columns_per_amplifier, axis=1)


class LongNoise:
    """The correlated noise of one integration, frame by frame, in parts of bounded memory.

    Full frames of read patterns that drop most of their frames last too long to be made at once.
    A part overlaps the next one by a frame, in which it fades into it. Noise slower than a part,
    two minutes for a full frame, is left to the pedestals. A spectral line has a new phase in each
    part.

    Parameters
    ----------
    make : callable
        ``make(frames)`` returns the `ReadoutNoise` of so many frames.
    """

    def __init__(self, make: Callable[[int], ReadoutNoise]) -> None:
        self._make, self._part, self._noise = make, 0, make(_PART + 1)

    def frame(self, number: int) -> np.ndarray:
        """Return the noise of one frame, as `ReadoutNoise`; frames come in ascending order."""
        part, place = divmod(number, _PART)
        if part == self._part:
            return self._noise.frame(place)
        before = self._noise.frame(_PART) if (part, place) == (self._part + 1, 0) else None
        self._noise = None  # it is large
        self._part, self._noise = part, self._make(_PART + 1)
        image = self._noise.frame(place)
        if before is None:
            return image
        fade = ((np.arange(len(image), dtype=np.float32) + 0.5) / len(image))[:, None]
        return np.sqrt(1 - fade) * before + np.sqrt(fade) * image


def integration_noise(
    full: dict[str, Any],
    readout: Readout,
    frames: int,
    coupling: np.ndarray,
    stream: Callable[[str], np.random.Generator],
) -> ReadoutNoise | LongNoise:
    """Return the correlated noise of one integration; for the parameters see `ReadoutNoise`."""

    def make(count: int) -> ReadoutNoise:
        return ReadoutNoise(full, readout, count, coupling, stream)

    by_row = full["noise_sampling"] == "row"
    step = readout.columns_per_amplifier + ROW_OVERHEAD if by_row else 1
    long = -(-readout.ticks * frames // step) > _MAX_SAMPLES
    return LongNoise(make) if long else make(frames)
