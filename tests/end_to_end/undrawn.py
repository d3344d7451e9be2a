"""Imported by the server of `warm`: figures are made as ever, but one pixel is written of each."""

from pathlib import Path

from PIL import Image

from darkroom.plot import style


def _save(_figure, path):
    Image.new("RGB", (1, 1)).save(Path(path), format="webp")


style.save = _save
