"""The programs of the CGI pipeline, from frames to products."""

import hashlib
import json
import sys

import numpy as np
import pytest
from astropy.io import fits

from darkroom.campaign.frames import COLUMNS, write_frames
from darkroom.cgi.darks.product import write_noise_maps
from darkroom.cgi.darks.tables import read_table, table_image
from darkroom.cgi.gating.frames import read_rows
from darkroom.cgi.geometry import read_geometry
from darkroom.cgi.maps.pooled import fit_pooled
from darkroom.cgi.simulate import exposures as cgi
from darkroom.cgi.stacks.frame import open_frame
from darkroom.cgi.stacks.gather import sort_out
from darkroom.cgi.stacks.sources import FramesSource
from darkroom.cgi.stacks.values import frame_values
from darkroom.errors import DarkroomError, InputError
from darkroom.provenance import sha256
from programs import load

SETTINGS = {"seed": 7, "geometry": "small", "frames": 3, "fpn_spread": 5.0}
VOLATILE = ("DATE", "CHECKSUM")


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    """Write all frames of a small campaign; return their paths by gain and time."""
    folder, paths = tmp_path_factory.mktemp("frames"), {}
    for exposure in cgi.plan(SETTINGS):
        cgi.deliver(SETTINGS, exposure.name, folder / exposure.file)
        paths.setdefault((exposure.gain, exposure.exptime), []).append(folder / exposure.file)
    return paths


@pytest.fixture
def run(monkeypatch):
    """Give a function that runs a program in this process."""

    def call(program, *arguments):
        words = [program, "--geometry", "small", *map(str, arguments)]
        monkeypatch.setattr(sys, "argv", words)
        load(f"cgi/{program}").main()

    return call


@pytest.fixture(scope="module")
def maps(frames, tmp_path_factory):
    """Make signed noise maps of all frames."""
    path = tmp_path_factory.mktemp("maps") / "maps.fits"
    geometry = read_geometry("small")
    sources = [
        FramesSource(found, path.parent) for found in sort_out(everything(frames), geometry)[0]
    ]
    fit = fit_pooled(sources, geometry)
    write_noise_maps(path, fit, geometry, inputs=[], settings={})
    return path


def everything(frames):
    return [path for stack in frames.values() for path in stack]


def content(path):
    """Return all HDUs of a file without the cards that may change."""
    with fits.open(path) as hdus:
        headers = [
            [c for c in map(str, hdu.header.cards) if not c.startswith(VOLATILE)] for hdu in hdus
        ]
        return headers, [None if h.data is None else h.data.tobytes() for h in hdus]


def test_maps_from_statistics_are_those_from_frames(frames, run, tmp_path):
    run("noise_maps", "--output", tmp_path / "direct.fits", *everything(frames))
    parts = []
    for number, stack in enumerate(frames.values()):
        for part in (stack[:2], stack[2:]):
            parts.append(tmp_path / f"{number}_{len(part)}.fits")
            run("stack_statistics", "--output", parts[-1], *part)
    run("noise_maps", "--output", tmp_path / "parts.fits", *parts)
    with fits.open(tmp_path / "direct.fits") as one, fits.open(tmp_path / "parts.fits") as two:
        for name in (1, "ERR", "COV"):
            np.testing.assert_allclose(one[name].data, two[name].data, rtol=1e-4, equal_nan=True)
        for name in ("DQ", "NFRAMES", "NSTACKS", "UNRELIAB"):
            assert np.array_equal(one[name].data, two[name].data)
        assert list(read_table(one["FRAMES"])["FILE"]) == list(read_table(two["FRAMES"])["FILE"])
        assert two[0].header["NINPUTS"] == 24


def units_in(path):
    return {name: column.tolist() for name, column in read_rows(path).items()}


def test_products_carry_what_was_measured_of_each_frame_in_any_way_of_making_them(
    frames, run, tmp_path
):
    stack = frames[30.0, 100.0]
    statuses = []
    for path in stack:
        with open_frame(path) as frame:
            judged = frame_values(frame, read_geometry("small"))
        status = {
            "item": "x", "role": "dark", "exposure": path.stem, "file": path.name, "uri": "",
            "accepted": True, "reason": "", "size": path.stat().st_size,
            "sha256": sha256(path), "facts": {"judged": judged}, "notes": [],
        }  # fmt: skip
        (tmp_path / path.name).symlink_to(path)
        statuses.append(tmp_path / f"{path.stem}.json")
        statuses[-1].write_text(json.dumps(status))
    made = {}
    for name, files in (("frames", stack), ("statuses", statuses)):
        made[name] = tmp_path / f"{name}.fits"
        run("master_dark", "--undivided", "--output", made[name], *files)
        run("stack_statistics", "--output", tmp_path / f"{name}_part.fits", *files)
        made[f"{name} by parts"] = tmp_path / f"{name}_of_part.fits"
        run("master_dark", "--output", made[f"{name} by parts"], tmp_path / f"{name}_part.fits")
    found = {name: units_in(path) for name, path in made.items()}
    assert all(one == found["frames"] for one in found.values())
    rows = found["frames"]
    assert rows["FILE"] == [path.name for path in stack]
    assert rows["LEVEL"][-1] == judged["pixel_level"]
    assert rows["SCATTER"][-1] == judged["scatter"]
    assert rows["MASKED"][-1] == judged["masked"]
    assert rows["PIXELS"][-1] == judged["pixels"]
    assert rows["START"] == sorted(rows["START"])


def test_a_product_without_the_numbers_of_its_frames_is_to_be_made_again(maps, tmp_path):
    rows = units_in(maps)
    with fits.open(maps) as hdus:
        del hdus["UNITS"]
        hdus.writeto(tmp_path / "older.fits")
        rows["FILE"] = rows["FILE"][::-1]
        hdus.append(table_image("UNITS", rows, {}))
        hdus.writeto(tmp_path / "others.fits")
    for name, fault in (("older", "no table UNITS"), ("others", "of other frames")):
        with pytest.raises(InputError, match=fault):
            read_rows(tmp_path / f"{name}.fits")


@pytest.mark.parametrize("weights", ["pooled", "frames", "peer-3.2"])
def test_maps_made_again_are_the_same_bytes(frames, run, tmp_path, weights):
    for name in ("one", "two"):
        run("noise_maps", "--weights", weights, "--output", tmp_path / f"{name}.fits",
            *everything(frames))  # fmt: skip
    assert content(tmp_path / "one.fits") == content(tmp_path / "two.fits")


def test_the_header_says_what_was_made_of_what(frames, run, tmp_path):
    run("noise_maps", "--checksums", "--output", tmp_path / "maps.fits", *everything(frames))
    with fits.open(tmp_path / "maps.fits", checksum=True) as hdus:
        primary, image = hdus[0].header, hdus[1].header
        assert primary["MADEBY"] == "noise_maps"
        assert (image["DATATYPE"], image["BUNIT"]) == ("DetectorNoiseMaps", "detected electron")
        assert (image["ESTIMATR"], image["SIGNED"], image["NSTACK"]) == ("pooled", True, 12)
        assert image["EXPTIME"] == image["EMGAIN_C"] == image["KGAINPAR"] == -999
        assert image["EXCAMT"] == -85
        assert image["SCTSRT"] == "2026-01-06T00:00:00.000"
        assert image["DC_IMM"] == pytest.approx(0.0012, abs=0.002)
        table = read_table(hdus["FRAMES"])
        first = next(iter(frames.values()))[0]
        digest = hashlib.sha256(first.read_bytes()).hexdigest()
        assert (table["FILE"][0], table["SHA256"][0]) == (first.name, digest)
        history = " ".join(str(image["HISTORY"]).split())
        assert "warning: 12 of 12 stacks have fewer than the recommended 1176 frames" in history
        assert not any("/" in str(value) for value in primary["HISTORY"] if "input" in str(value))


def test_clipped_maps_say_so_and_have_no_negative_charge(frames, run, tmp_path):
    run("noise_maps", "--clipped", "--output", tmp_path / "maps.fits", *everything(frames))
    with fits.open(tmp_path / "maps.fits") as hdus:
        assert hdus[1].header["SIGNED"] is False
        assert np.nanmin(hdus[1].data[1:]) == 0
        assert np.nanmin(hdus[1].data[0]) < 0


def test_the_image_area_alone(frames, run, tmp_path):
    for region in ("full", "image"):
        run("noise_maps", "--region", region, "--output", tmp_path / f"{region}.fits",
            *everything(frames))  # fmt: skip
    with fits.open(tmp_path / "full.fits") as full, fits.open(tmp_path / "image.fits") as image:
        assert np.array_equal(full[1].data[:, 2:106, 108:213], image[1].data)
        assert image["NFRAMES"].shape == (12, 104, 105)


def test_a_master_dark_from_statistics_is_that_from_frames(frames, run, tmp_path):
    stack = frames[500.0, 30.0]
    run("master_dark", "--undivided", "--output", tmp_path / "direct.fits", *stack)
    run("stack_statistics", "--output", tmp_path / "statistics.fits", *stack)
    run("master_dark", "--output", tmp_path / "dark.fits", tmp_path / "statistics.fits")
    with fits.open(tmp_path / "direct.fits") as one, fits.open(tmp_path / "dark.fits") as two:
        for name in (1, "ERR", "DQ", "COUNT"):
            assert np.array_equal(one[name].data, two[name].data, equal_nan=True)
        header = two[1].header
        assert (header["DATATYPE"], header["IS_SYNTH"], header["DRPNFILE"]) == ("Dark", 0, 3)
        assert (header["EXPTIME"], header["EMGAIN_C"], header["KGAINPAR"]) == (30, 500, 8.7)
        assert "the mean was divided by the EM gain 500" in str(header["HISTORY"])


def test_a_synthesized_dark_takes_gain_and_time_from_a_frame(frames, run, tmp_path):
    run("noise_maps", "--output", tmp_path / "maps.fits", *everything(frames))
    like = frames[500.0, 30.0][0]
    run("synthesize_dark", "--like", like, "--output", tmp_path / "a.fits", tmp_path / "maps.fits")
    run("synthesize_dark", "--gain", 500, "--exptime", 30, "--output", tmp_path / "b.fits",
        tmp_path / "maps.fits")  # fmt: skip
    with fits.open(tmp_path / "a.fits") as one, fits.open(tmp_path / "b.fits") as two:
        assert np.array_equal(one[1].data, two[1].data, equal_nan=True)
        header = one[1].header
        assert (header["IS_SYNTH"], header["EXPTIME"], header["EMGAIN_C"]) == (1, 30, 500)
        assert (header["KGAINPAR"], header["COVUSED"], header["SIGNED"]) == (8.7, True, True)
        assert "B_O" not in header


def test_status_files_stand_for_their_frames_and_refused_ones_are_left_out(frames, run, tmp_path):
    statuses = []
    for number, path in enumerate(frames[30.0, 2.0]):
        status = {
            "item": "x", "role": "dark", "exposure": path.stem, "file": path.name, "uri": "",
            "accepted": number != 1, "reason": "", "size": path.stat().st_size,
            "sha256": sha256(path), "facts": {}, "notes": [],
        }  # fmt: skip
        (tmp_path / path.name).write_bytes(path.read_bytes())
        statuses.append(tmp_path / f"{number}.json")
        statuses[-1].write_text(json.dumps(status))
    run("stack_statistics", "--output", tmp_path / "out.fits", *statuses)
    with fits.open(tmp_path / "out.fits") as hdus:
        taken = [sha256(path) for path in frames[30.0, 2.0] if path != frames[30.0, 2.0][1]]
        assert list(hdus["FRAMES"].data["SHA256"]) == taken


def frame_table_of(paths, refused, target):
    """Write a frame table that refuses some frames."""
    row = dict.fromkeys(COLUMNS, "")
    write_frames(target, [
        row | {"exposure": path.stem, "file": str(path), "sha256": path.stem,
               "accepted": "no" if path in refused else "yes"}
        for path in paths
    ])  # fmt: skip
    return target


def test_parts_with_refused_frames_are_added_up_again_without_them(frames, run, tmp_path):
    """And one that left a frame out which the table accepts, with it."""
    parts, refused = [], [frames[30.0, 2.0][0], frames[500.0, 2.0][1]]
    for number, stack in enumerate(frames.values()):
        parts.append(tmp_path / f"{number}.fits")
        run("stack_statistics", "--output", parts[-1], *stack)
    with fits.open(parts[2], mode="update") as hdus:
        kept = hdus["FRAMES"].data["FILE"][0]
        hdus["FRAMES"].data = hdus["FRAMES"].data[1:]
        hdus[0].header.add_history(f"refused: {kept}")
    paths = everything(frames)
    table = frame_table_of(paths, refused, tmp_path / "frames.tsv")
    run("noise_maps", "--frames", table, "--output", tmp_path / "parts.fits", *parts)
    good = [path for path in paths if path not in refused]
    run("noise_maps", "--output", tmp_path / "direct.fits", *good)
    with fits.open(tmp_path / "direct.fits") as one, fits.open(tmp_path / "parts.fits") as two:
        np.testing.assert_allclose(one[1].data, two[1].data, rtol=1e-4)
        assert np.array_equal(one["NFRAMES"].data, two["NFRAMES"].data)
        assert list(read_table(one["FRAMES"])["FILE"]) == list(read_table(two["FRAMES"])["FILE"])
        history = " ".join(str(two[1].header["HISTORY"]).split())
        assert "a part of 3 frames was added up again from the 2 that the frame" in history
        assert two[0].header["NINPUTS"] == 12 - 2


def test_a_synthesized_dark_like_a_raw_frame_has_the_calibrations_gain(maps, run, tmp_path):
    """The header of a raw frame has a nominal one; corgidrp compares all digits."""
    settings = SETTINGS | {"level": "L1"}
    exposure = next(e for e in cgi.plan(settings) if (e.gain, e.exptime) == (500, 30))
    cgi.deliver(settings, exposure.name, tmp_path / exposure.file)
    run(
        "synthesize_dark", "--like", tmp_path / exposure.file, "--output", tmp_path / "d.fits", maps
    )
    run("master_dark", "--nonlinearity", "none", "--output", tmp_path / "t.fits",
        *deliver_stack(settings, tmp_path, 500, 30))  # fmt: skip
    header, traditional = (fits.getheader(tmp_path / name, 1) for name in ("d.fits", "t.fits"))
    for card in ("KGAINPAR", "EXPTIME", "EMGAIN_C"):
        assert header[card] == traditional[card]
    assert header["KGAINPAR"] == 8.699999809265137


def deliver_stack(settings, folder, gain, exptime):
    chosen = [e for e in cgi.plan(settings) if (e.gain, e.exptime) == (gain, exptime)]
    for exposure in chosen:
        cgi.deliver(settings, exposure.name, folder / exposure.file)
    return [folder / exposure.file for exposure in chosen]


def test_a_part_without_an_accepted_frame_counts_for_nothing(frames, run, tmp_path):
    path = frames[30.0, 2.0][0]
    status = {"accepted": False, "file": path.name, "size": None, "sha256": ""}
    (tmp_path / "refused.json").write_text(json.dumps(status))
    run("stack_statistics", "--output", tmp_path / "empty.fits", tmp_path / "refused.json")
    run("stack_statistics", "--output", tmp_path / "full.fits", path, frames[30.0, 2.0][1])
    run("master_dark", "--output", tmp_path / "dark.fits", tmp_path / "full.fits",
        tmp_path / "empty.fits")  # fmt: skip
    with pytest.raises(DarkroomError, match="no part of any stack has a frame"):
        run("master_dark", "--output", tmp_path / "x.fits", tmp_path / "empty.fits")


def marked_as_bad(path, folder):
    copy = folder / f"bad_{path.name}"
    copy.write_bytes(path.read_bytes())
    fits.setval(copy, "IS_BAD", value=True, ext=1)
    return copy


def test_a_warning_with_signs_of_its_own_is_in_the_product(frames, run, tmp_path):
    """A frame one degree off once ended the program: its warning was no text for a header."""
    paths = [path for stack in frames.values() for path in stack]
    odd = tmp_path / paths[1].name
    odd.write_bytes(paths[1].read_bytes())
    fits.setval(odd, "EXCAMT", value=-84.0, ext=1)
    run("noise_maps", "--output", tmp_path / "maps.fits", paths[0], odd, *paths[2:])
    history = " ".join(map(str, fits.getheader(tmp_path / "maps.fits", 1)["HISTORY"]))
    assert "EXCAMT is -84 deg C, but -85 deg C" in " ".join(history.split())


def test_frames_marked_as_bad_are_left_out_and_every_product_names_them(frames, run, tmp_path):
    bad = [marked_as_bad(path, tmp_path) for path in frames[30.0, 2.0][:2]]
    parts = []
    for number, stack in enumerate([*frames.values(), bad[:1]]):
        parts.append(tmp_path / f"{number}.fits")
        more = bad[1:] if stack is frames[30.0, 2.0] else []
        run("stack_statistics", "--output", parts[-1], *stack, *more)
    run("noise_maps", "--output", tmp_path / "maps.fits", *parts)
    run("master_dark", "--output", tmp_path / "dark.fits", parts[1], parts[-1])
    for name in ("maps", "dark"):
        with fits.open(tmp_path / f"{name}.fits") as hdus:
            history = " ".join(str(hdus[1].header["HISTORY"]).split())
            assert "left out, marked as bad (IS_BAD) in their headers: bad_" in history
            assert not any(file.startswith("bad_") for file in read_table(hdus["FRAMES"])["FILE"])
    with pytest.raises(DarkroomError, match="all frames are marked as bad"):
        run("noise_maps", "--output", tmp_path / "x.fits", *bad)


@pytest.mark.parametrize(
    ("program", "arguments", "text"),
    [
        ("stack_statistics", ["all"], "frames of 12 stacks .*: statistics are made of one stack"),
        ("master_dark", ["stack"], "BUNIT is 'detected EM electron', 'detected electron'"),
        (
            "master_dark",
            ["--undivided", "all"],
            "frames of 12 stacks .*: a dark is made of one stack",
        ),
        ("noise_maps", ["stack"], "1 stacks to fit .* at least 4"),
        ("synthesize_dark", ["--gain", "0.5", "--exptime", "1", "maps"], "needs a gain of 1 or"),
        ("synthesize_dark", ["--gain", "5", "--exptime", "-1", "maps"], "it cannot be negative"),
        ("synthesize_dark", ["--gain", "5", "maps"], "--gain and --exptime, or --like"),
        ("synthesize_dark", ["--gain", "5", "--like", "x.fits", "maps"], "give one or the other"),
        (
            "synthesize_dark",
            ["--gain", "5", "--exptime", "1", "--geometry", "sci", "maps"],
            "maps of 120 x 220, geometry 'EXCAM SCI' has 1200 x 2200",
        ),
        (
            "synthesize_dark",
            ["--gain", "5", "--exptime", "1", "negative"],
            r"clock-induced charge is negative in \d+ pixels, though the maps do not say",
        ),
        ("noise_maps", ["--unweighted", "all"], "--unweighted needs"),
        ("noise_maps", ["--weights", "frames", "--clipped", "all"], "are always clipped"),
        ("synthesize_dark", ["stack"], "DATATYPE is None, not 'DetectorNoiseMaps'"),
        ("synthesize_dark", ["missing"], "no such file"),
    ],
)
def test_wrong_input_is_refused_in_words(frames, maps, run, tmp_path, program, arguments, text):
    stand_ins = {"all": everything(frames), "stack": frames[30.0, 2.0], "missing": ["missing.fits"]}
    if program == "synthesize_dark":
        stand_ins["stack"] = frames[30.0, 2.0][:1]
        stand_ins |= {"maps": [maps], "negative": [tmp_path / "negative.fits"]}
        (tmp_path / "negative.fits").write_bytes(maps.read_bytes())
        fits.setval(tmp_path / "negative.fits", "SIGNED", value=False, ext=1)
    words = [w for argument in arguments for w in stand_ins.get(argument, [argument])]
    with pytest.raises(DarkroomError, match=text):
        run(program, "--output", tmp_path / "out.fits", *words)
    assert not (tmp_path / "out.fits").exists()


def test_frames_and_statistics_are_not_mixed(frames, run, tmp_path):
    run("stack_statistics", "--output", tmp_path / "s.fits", *frames[30.0, 2.0])
    with pytest.raises(DarkroomError, match="cannot be mixed"):
        run("noise_maps", "--output", tmp_path / "x.fits", tmp_path / "s.fits", *frames[30.0, 30.0])


def test_the_wrong_geometry_is_named(frames, monkeypatch, tmp_path):
    paths = map(str, frames[30.0, 2.0])
    words = ["stack_statistics", "--output", str(tmp_path / "x.fits"), *paths]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(
        DarkroomError, match=r"3 exposures(.*\n)+.*image of 120 rows x 220 columns, geometry 'EXCAM"
    ):
        load("cgi/stack_statistics").main()


def test_a_waived_check_is_told_in_the_product(frames, run, tmp_path):
    path = tmp_path / "desmeared.fits"
    path.write_bytes(frames[30.0, 2.0][0].read_bytes())
    fits.setval(path, "DESMEAR", value=True, ext=1)
    stack = [path, frames[30.0, 2.0][1]]
    with pytest.raises(InputError, match=r"was desmeared.*--waive desmear"):
        run("stack_statistics", "--output", tmp_path / "x.fits", *stack)
    run("stack_statistics", "--waive", "desmear", "--output", tmp_path / "x.fits", *stack)
    assert 'setting waived = ["desmear"]' in str(fits.getheader(tmp_path / "x.fits")["HISTORY"])
