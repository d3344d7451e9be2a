"""Correlated noise of NIRCam's read-out, made from its power spectrum.

Spectra are one-sided, in DN²/Hz, so that an amplitude means the same for a ramp of any length.
"""

from __future__ import annotations

import numpy as np

from darkroom.errors import DarkroomError
from darkroom.nircam.detector.readout import OUTPUTS, PIXEL_TIME, ROW_OVERHEAD
from darkroom.nircam.simulate.refpix_residual import left_variance

# Samples of one integration; above this the transform alone needs more than about 4 GB.
_MOST_SAMPLES = 1.2e8


def power_law(law):
    """Return the spectrum ``S(f)`` of a law: frequencies (Hz, above 0) to DN²/Hz.

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


def correlated_variance(full, readout):
    """Return the variance of the noise that the pipeline's reference pixels leave and bring in.

    Parameters
    ----------
    full : dict
        Settings of the simulator.
    readout : darkroom.nircam.detector.readout.Readout
        What is read.

    Returns
    -------
    (ny, nx) float array
        Of one read, DN², detector frame. From a frame of one output the pipeline takes the mean of
        all its reference pixels: what a row differs from it stays, which grows with the time
        between them. For full-width frames see `darkroom.nircam.simulate.refpix_residual`.
    """
    if readout.noutputs == OUTPUTS:
        return left_variance(full, readout, lambda law, frequency: power_law(full[law])(frequency))
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
    # Fourier transform of the reference pixels' times, each row a window of its own length.
    phase = np.exp(2j * np.pi * row * np.outer(np.arange(readout.ny), frequency))
    mean = (weight / weight.sum()) @ phase * np.sinc(frequency * row)
    return none + np.trapezoid(power * np.abs(phase - mean) ** 2, frequency, axis=1)[:, None]


def synthesise(rng, spectrum, samples, interval):
    """Make noise of a given spectrum.

    Parameters
    ----------
    rng : numpy.random.Generator
        Its randomness.
    spectrum : callable
        One-sided power per Hz of frequencies (Hz) above 0.
    samples : int
        Length of the result.
    interval : float
        Time between samples in seconds.

    Returns
    -------
    (samples,) float32 array
        Mean 0 over all realisations. A stretch of a stream twice as long, so that its end does
        not know its beginning.
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
        Settings of the simulator.
    readout : darkroom.nircam.detector.readout.Readout
        What is read.
    frames : int
        Frames of the integration, those that are not kept among them.
    coupling : (noutputs,) array
        What each amplifier sees of the common noise.
    stream : callable
        ``stream(component)`` gives the random generator of a component.
    """

    def __init__(self, full, readout, frames, coupling, stream):
        self.readout = readout
        self.by_row = full["noise_sampling"] == "row"
        row = readout.columns_per_amplifier + ROW_OVERHEAD
        self.row_ticks = row
        step = row if self.by_row else 1
        samples = -(-readout.ticks * frames // step)
        if samples > _MOST_SAMPLES:
            raise DarkroomError(
                f"simulated NIRCam: {frames} frames of {readout.shape[0]} × {readout.shape[1]} "
                f"pixels have {samples:.2g} samples of 1/f noise, at most {_MOST_SAMPLES:.2g} can "
                "be made for each pixel; choose noise_sampling: row"
            )
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

    def frame(self, number):
        """Return the noise of one frame: (ny, nx) float32, DN, detector frame."""
        readout = self.readout
        start = number * readout.ticks
        if not self.by_row:
            return readout.from_clock(self.streams[:, start : start + readout.ticks])
        rows = (start + np.arange(readout.ny) * self.row_ticks) // self.row_ticks
        return np.repeat(self.streams[:, rows].T, readout.columns_per_amplifier, axis=1)
