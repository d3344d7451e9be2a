"""The noise spectrum: white noise, 1/f noise common to the amplifiers and of each."""
