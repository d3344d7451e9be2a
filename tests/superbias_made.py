"""Superbiases of simulated darks that tests share, and how far they lie from the truth."""

import numpy as np
from scipy import special

from darkroom.nircam.detector.dq import Group
from darkroom.nircam.ramps.classes import Classes
from darkroom.nircam.ramps.ramps import GroupStack, RampSet
from darkroom.nircam.superbias.measure import make_superbias
from darkroom.nircam.superbias.settings import SuperbiasSettings
from nircam_darks import classes as classes_of
from nircam_darks import write_darks

KTC, READ = 20.0, 5.0


SAMPLE = np.hypot(KTC, READ)


UNUSABLE = Group.DO_NOT_USE | Group.SATURATED | Group.JUMP_DET


def opened(folder, darks, **how):
    ramps = RampSet(write_darks(folder, darks, **how), "superbias")
    return ramps, Classes.from_ramps(ramps)


def made(folder, darks, stack=None, **how):
    ramps, classes = opened(folder, darks, **how)
    stack = stack(ramps, classes) if stack else GroupStack(ramps, flags=UNUSABLE)
    return make_superbias(stack, classes, ramps.mjd, ramps.label, SuperbiasSettings()), classes


def true_bias(darks):
    """Return the bias by the convention that offsets sum to zero over the ramps."""
    return darks.bias + darks.offsets.mean(axis=0)[classes_of(darks.readout)]


def normal_pulls(found, darks, where):
    """Map deviations over errors through Student's t to normal ones."""
    t = (found.mean - true_bias(darks))[where] / found.error[where]
    return special.ndtri(special.stdtr(found.count[where] - 1, t))
