"""Bad-pixel maps of the coronagraph's camera, from darks and flats."""
