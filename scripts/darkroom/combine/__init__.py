"""The one engine under every stack of frames: tiles in, clipped statistics out."""
