"""The figures of a NIRCam item and the text beside them."""
