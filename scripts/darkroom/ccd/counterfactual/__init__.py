"""A CCD product against that of a previous night, on frames of which neither was made."""
