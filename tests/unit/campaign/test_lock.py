"""The lock holds exactly what was found, tells what changed, and refuses to be misread."""

from dataclasses import fields, replace

import pytest

from darkroom.campaign.campaign import Campaign
from darkroom.campaign.changes import differences
from darkroom.campaign.lock import Lock, read_lock, require_lock
from darkroom.campaign.lock_rows import (
    HEADER_VALUES,
    Exposure,
    any_rows,
    check_exposures,
    plain_rows,
)
from darkroom.campaign.names import clean_name, name_fault
from darkroom.campaign.pins import Pins, conflicts, read_pins
from darkroom.errors import DarkroomError
from fuzz import mutate


def exposure(name="bias_1", size=2880, **facts):
    return Exposure("camera", "bias", name, f"{name}.fits", f"local:{name}.fits", size, facts)


def lock(path, *exposures, query="1234"):
    return Lock(path, {"campaign": "trial", "archive": "local", "query": query}, list(exposures))


def test_what_is_written_is_read_back(tmp_path):
    path = tmp_path / "trial.tsv"
    lock(path, exposure(exptime_s="0.04"), exposure("bias_2", None)).write()
    back = read_lock(path)
    assert back.exposures == [exposure(exptime_s="0.04"), exposure("bias_2", None)]
    assert back.head["query"] == "1234"
    assert [row.exposure for row in back.of("camera", "bias")] == ["bias_1", "bias_2"]
    assert back.of("camera", "dark") == []
    assert back.text() == path.read_text()


def test_no_lock_is_no_error_until_it_is_needed(tmp_path):
    assert read_lock(tmp_path / "none.tsv") is None
    campaign = Campaign(
        "trial", tmp_path / "trial.yaml", {"archive": {"kind": "local"}, "items": {"camera": {}}}
    )
    with pytest.raises(DarkroomError, match=r"campaign trial has no lock .* snakemake lock"):
        require_lock(campaign)
    lock(campaign.lock_path, exposure()).write()
    with pytest.raises(DarkroomError, match="was edited since this lock was made"):
        require_lock(campaign)
    lock(campaign.lock_path, exposure(), query=campaign.query_digest()).write()
    assert require_lock(campaign).get("camera", "bias_1") == exposure()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("# darkroom lock 3", "# something", "does not begin with '# darkroom lock 3'"),
        ("\turi\t", "\turl\t", "its columns are not those of this version"),
        ("\t2880\t", "\tmany\t", "row 1: size 'many' is not a number of bytes"),
        ("\t2880\t", "\t-5\t", "row 1: size '-5' is not a number of bytes"),
        ("\t2880\t", "\t" + "9" * 5000 + "\t", "row 1: size '9999"),
        ("\t2880\t", "\t", "row 1 does not have"),
        ("\t2880\t", "\t2881\t", "states in its head .* it was cut or edited"),
        ("\tbias\t", "\tBIAS\t", "row 1: role 'BIAS' is not one of bias, dark"),
        ("local:", "local:/etc/", "row 1: uri 'local:/etc/.* leads out of the archive's folder"),
        ("local:", "local:a/../../", "row 1: uri .* leads out of the archive's folder"),
        ("local:", "file:", "row 1: uri .* does not begin with local:, mast: or simulated:"),
        ("# rows: 1", "# rows: 2", "states in its head 'rows: 2 .* has 1 rows of another"),
        ("# campaign: ", "# campaig.: ", "states in its head .* it was cut or edited"),
        ("# campaign: trial", "# campaign: trail", "states in its head .* it was cut or edited"),
        ("# archive: ", "# archive:", "states in its head .* it was cut or edited"),
    ],
)
def test_a_damaged_lock_is_refused(tmp_path, old, new, message):
    path = tmp_path / "trial.tsv"
    lock(path, exposure()).write()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(DarkroomError, match=message):
        read_lock(path)


@pytest.mark.parametrize(
    ("file", "fault"),
    [
        ("../x.fits", "leads to another folder"),
        ("/x.fits", "leads to another folder"),
        ("a\\x.fits", "leads to another folder"),
        (".x.fits", "begins with '.'"),
        ("-x.fits", "begins with '-'"),
        ("..", "begins with '.'"),
        ("x\0.fits", r"holds '\\x00'"),
        ("x\x1b[2J.fits", r"holds '\\x1b'"),
        ("x" * 300 + ".fits", "is longer than 200 characters"),
        ("é.fits", r"holds '\\xe9'"),
        ("b$(touch X)", r"holds '\$'"),
        ("a b.fits", "holds ' '"),
        ("a;b.fits", "holds ';'"),
        ("{item}.fits", "holds '{'"),
        ("a\u2028b.fits", r"holds '\\u2028'"),
        ("", "is empty"),
    ],
)
@pytest.mark.parametrize("column", ["file", "exposure"])
def test_a_lock_with_a_name_that_could_do_harm_is_refused(tmp_path, file, fault, column):
    """A lock may come from somebody else."""
    path = tmp_path / "trial.tsv"
    names = {"exposure": "a", "file": "a.fits"} | {column: file}
    row = Exposure("camera", "bias", names["exposure"], names["file"], "local:a.fits", 2880)
    lock(path, row).write()
    with pytest.raises(
        DarkroomError, match=rf"trial\.tsv: row 1: {column} .* {fault}.*; darkroom did not"
    ):
        read_lock(path)
    with pytest.raises(DarkroomError, match=rf"item camera: the file name .* {fault}"):
        check_exposures([row])


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"shape": "24x3a"}, "shape '24x3a' is no shape"),
        ({"nsamp": "9" * 400}, "nsamp .* is longer than 200 characters"),
        ({"exptime_s": "1E400x"}, "exptime_s .* is no exptime_s"),
        ({"filter": "F\x1b[2J"}, "filter .* holds a control character"),
    ],
)
def test_a_header_value_that_the_plan_cannot_use_is_refused(tmp_path, value, shown):
    path = tmp_path / "trial.tsv"
    lock(path, exposure(**value)).write()
    with pytest.raises(DarkroomError, match=f"row 1: {shown}"):
        read_lock(path)


def test_a_lock_cut_at_any_place_is_refused(tmp_path):
    path = tmp_path / "trial.tsv"
    lock(path, exposure("a"), exposure("b"), exposure("c")).write()
    whole = path.read_bytes()
    assert len(read_lock(path).exposures) == 3
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(DarkroomError):
            read_lock(path)


BORDERS = (
    "a" * 200, "a" * 201, "x\"y", '"x"', "x\ry", "x\x85y", "mast:a", "mast:", "local:..",
    "local:a/..", "local:../a", "local:a..b/c", "local:a/../b", "local:~a", "local:a~",
    "local:/a", "simulated:a", "1e999", "1e99", "1E-400", "9" * 199 + "e99", ".5", "5.", ".",
    "+1", "1_0", "\u0661", "1x1x1", "10x10", "1000000x1", "100000", "1000000", " 1", "1 ",
    "NaN", "science", "flats", "a.json",
)  # fmt: skip


def test_rows_that_are_read_at_once_are_those_that_are_read_column_by_column(tmp_path):
    """The quick way takes nothing that the careful one refuses, and makes of it the same."""
    rows = [exposure(), exposure("bias_2", None, nsamp="16", shape="24x32")]
    names = [one.name for one in fields(Exposure) if one.name != "facts"]
    texts = [str(one) for one in mutate.VALUES if isinstance(one, str | int | float)]
    texts.remove("\udcff")  # cannot be written
    plain = refused = 0
    for column in (*names, *HEADER_VALUES):
        for value in (*texts, *BORDERS):
            change = {"facts": {column: value}} if column in HEADER_VALUES else {column: value}
            text = lock(tmp_path / "x", replace(rows[0], **change), rows[1]).text()
            table = text[text.index("item\t") :]
            quick = plain_rows(table.split("\n"))
            try:
                careful = any_rows("x", table)
            except DarkroomError:
                assert quick is None, (column, value)
                refused += 1
                continue
            assert quick is None or quick == careful, (column, value)
            plain += quick is not None
            if quick is not None and not quick.are_distinct():
                with pytest.raises(DarkroomError):
                    check_exposures(careful)
    assert plain > 500
    assert refused > 500


def test_one_exposure_of_a_lock_is_made_when_one_is_asked_for(tmp_path):
    """Each program that fetches reads the lock: to make 50,000 of them took it 0.8 CPU seconds."""
    path = tmp_path / "trial.tsv"
    lock(path, *(exposure(f"b{number:04d}", exptime_s="1.5") for number in range(5000))).write()
    found = read_lock(path)
    assert found.get("camera", "b4000").size == 2880
    assert found.sizes == [2880] * 5000
    assert found.exposures.are_distinct()
    assert len(found.exposures._made) == 1


def test_a_lock_of_other_items_or_of_two_files_of_one_name_is_refused(tmp_path):
    items = {"other": {"instrument": "ccd"}}
    campaign = Campaign(
        "trial", tmp_path / "trial.yaml", {"archive": {"kind": "local"}, "items": items}
    )
    lock(campaign.lock_path, exposure(), query=campaign.query_digest()).write()
    with pytest.raises(DarkroomError, match="has exposures of item 'camera'"):
        require_lock(campaign)
    items["camera"] = items["other"]
    lock(campaign.lock_path, exposure(), query=campaign.query_digest()).write()
    with pytest.raises(DarkroomError, match="has no exposure of item 'other'"):
        require_lock(campaign)
    one, two = exposure("a"), Exposure("camera", "bias", "b", "a.fits", "local:b.fits", 2880)
    with pytest.raises(DarkroomError, match="are both file"):
        check_exposures([one, two])


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("bias_é中.fits", "bias_e_.fits"),
        ("a b;c$(x).fits", "a_b_c__x_.fits"),
        ("-x.fits", "_-x.fits"),
        ("", "_"),
        ("ok-1.fits.gz", "ok-1.fits.gz"),
        ("x" * 300 + ".fits", "x" * 195 + ".fits"),
    ],
)
def test_names_are_cleaned_into_the_alphabet_that_reading_allows(name, clean):
    assert clean_name(name) == clean
    assert name_fault(clean) == ""


def test_differences_name_what_was_added_lost_and_changed(tmp_path):
    old = lock(tmp_path, exposure("a"), exposure("b"), exposure("c", exptime_s="1"))
    new = lock(
        tmp_path, exposure("b", 5760), exposure("c", exptime_s="2"), exposure("d"), query="9"
    )
    assert differences(old, old) == []
    assert differences(old, new) == [
        "~ query: 1234 -> 9",
        "- camera/a: no longer in the archive's answer",
        "~ camera/b: size 2880 -> 5760 (other bytes than before: a pin of it no longer holds)",
        "~ camera/c: exptime_s 1 -> 2",
        "+ camera/d: new, 2880 bytes",
    ]


def test_two_exposures_of_one_name_are_refused():
    with pytest.raises(DarkroomError, match="are both exposure 'a'"):
        check_exposures([exposure("a"), exposure("a")])
    with pytest.raises(DarkroomError, match="found no exposure at all"):
        check_exposures([])


SUM, OTHER = "a" * 64, "b" * 64


def test_pins_refuse_other_bytes_and_say_what_to_do(tmp_path):
    Pins("", {("camera", "a"): SUM}).write(tmp_path / "pins.tsv")
    pins = read_pins(tmp_path / "pins.tsv")
    pins.check("camera", "a", SUM, "a.fits")
    pins.check("camera", "new", OTHER, "new.fits")
    with pytest.raises(DarkroomError, match=r"a.fits: its SHA-256 is bbbb.*pinned is aaaa"):
        pins.check("camera", "a", OTHER, "a.fits")


def test_pins_of_another_simulator_say_nothing():
    pins = Pins("old", {("camera", "a"): SUM})
    pins.check("camera", "a", OTHER, "a.fits", maker="new")
    assert conflicts(pins, Pins("new", {("camera", "a"): OTHER})) == []
    assert conflicts(pins, Pins("old", {("camera", "a"): OTHER})) == ["camera/a"]


def test_damaged_pins_are_refused(tmp_path):
    path = tmp_path / "pins.tsv"
    assert read_pins(path).sums == {}
    path.write_text("nonsense\n")
    with pytest.raises(DarkroomError, match="is not a pins file"):
        read_pins(path)
    Pins("", {("camera", "a"): SUM}).write(path)
    path.write_text(path.read_text()[:-10])
    with pytest.raises(DarkroomError, match="row 1 is damaged"):
        read_pins(path)
