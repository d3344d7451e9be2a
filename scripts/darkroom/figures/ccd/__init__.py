"""The figures of the CCD road: single frames, stacks, drifts, science frames."""
