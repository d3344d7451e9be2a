"""Photon-counted darks: frames of high EM gain and little charge, counted above a threshold."""
