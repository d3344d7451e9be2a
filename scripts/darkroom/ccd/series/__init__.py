"""Series of epochs of CCD stacks: their templates and their states."""
