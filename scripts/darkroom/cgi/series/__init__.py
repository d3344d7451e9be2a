"""Series of epochs of the coronagraph camera: levels of frames, and what the workflow plans."""
