"""Series of epochs of NIRCam products: their templates, their states, what the workflow plans."""
