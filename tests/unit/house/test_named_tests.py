"""Tests that the documentation names are there."""

import re

import pytest


@pytest.mark.parametrize("page", ["docs/integrity.md"])
def test_every_test_that_a_page_names_exists(repository, page):
    named = re.findall(r"`([\w/]+\.py)::(test_\w+)`", (repository / page).read_text())
    assert len(named) > 20
    gone = [
        f"{file}::{test}"
        for file, test in named
        if f"def {test}(" not in (repository / "tests" / file).read_text()
    ]
    assert gone == []
