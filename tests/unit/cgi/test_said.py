"""What a report says of a coronagraph's product is what its header says, in a person's signs."""

from astropy.io import fits

from darkroom.cgi.figures.counted import warnings_of
from darkroom.cgi.figures.said import warnings_in

SAID = [
    "warning: g30_t2: its bias region is +0.31 +- 0.05 e-",
    "  away from that of the others, +-0.3 at most",
    "made of 12 stacks",
    "warning: no frame of gain 1",
]


def header():
    made = fits.Header()
    for line in SAID:
        made.add_history(line)
    return made


def test_warnings_are_whole_sentences_with_their_signs():
    first, second = warnings_in(header())
    whole = "g30_t2: its bias region is +0.31 ± 0.05 e- away from that of the others, +-0.3 at most"
    assert first == whole
    assert second == "no frame of gain 1"
    assert warnings_in(fits.Header()) == []


def test_warnings_say_what_they_are_about():
    assert warnings_of(header(), "bad-pixel map")[1] == "Bad-pixel map: no frame of gain 1."
