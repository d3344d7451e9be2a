"""An audit without answers is a failure, not a clean bill."""

import pytest

import audit

SOUND = {"name": "six", "version": "1.17.0", "vulns": []}
ILL = {"name": "x", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}
UNKNOWN = {"name": "y", "skip_reason": "could not be asked for"}


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        ([SOUND], 0, "0 known vulnerabilities in the packages of 1 locks"),
        ([SOUND, ILL], 1, "envs/a.txt: x 1: CVE-1, mended in 2"),
        ([SOUND, UNKNOWN], 2, "1 packages or locks could not be looked up"),
        ("no network", 2, "envs/a.txt: no network"),
        ([ILL, UNKNOWN], 1, "CVE-1"),
    ],
)
def test_the_exit_status_tells_what_is_known(capsys, answer, status, said):
    assert audit.report(*audit.sort_answers({"envs/a.txt": answer}), 1) == status
    assert said in "".join(capsys.readouterr())
