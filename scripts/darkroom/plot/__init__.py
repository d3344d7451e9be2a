"""Drawing: one style, and pure functions that draw images, histograms and series."""
