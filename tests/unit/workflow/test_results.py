"""The folder of results can have any name that cannot be taken for something else."""

import pytest

from darkroom.errors import DarkroomError
from darkroom.workflow.results import results_folder


@pytest.mark.parametrize("folder", ["results", "my results", "é中/a'b\"$(x)", 2026, "../x"])
def test_a_folder_is_taken_as_it_is(folder):
    assert results_folder(folder) == str(folder)


@pytest.mark.parametrize(
    ("folder", "name"), [("./made", "made"), ("made/", "made"), ("a//b/.", "a/b"), (".", ".")]
)
def test_a_folder_has_one_name_however_it_is_written(folder, name):
    """Programs write names of files into lists, which others compare with those of the rules."""
    assert results_folder(folder) == name


@pytest.mark.parametrize(
    ("folder", "fault"),
    [
        ("{item}", "by which Snakemake names wildcards"),
        (" r", "begins or ends with a blank"),
        ("r\x1b[1m", r"it holds '\\x1b', which cannot be printed"),
        ("r\ns", "cannot be printed"),
        ("r\udcff", "cannot be printed"),
        ("-r", "take for an option"),
        ("./-r", "take for an option"),
        ("", "names no folder"),
    ],
)
def test_another_name_is_refused_in_a_sentence(folder, fault):
    with pytest.raises(DarkroomError, match=fault):
        results_folder(folder)
