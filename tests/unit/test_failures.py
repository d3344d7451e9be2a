"""A failed run names each job, its cause and the command to go on."""

from darkroom.failures import failure_summary

LOG = """\
Error in rule fetch:
    message: None
    jobid: 3
    output: results/demo/raw/camera/dark_1.json
    log: {log} (check log file(s) for error details)
    shell:
        python fetch.py
        (command exited with non-zero exit code)
Logfile x:
"""


def test_the_last_line_of_the_jobs_log_is_the_cause(tmp_path):
    log = tmp_path / "dark_1.log"
    log.write_text("INFO trying\nERROR dark_1.FIT: truncated\n\n")
    text = failure_summary(2 * LOG.format(log=log), "snakemake")
    assert text.splitlines() == [
        "1 job failed:",
        "  fetch  results/demo/raw/camera/dark_1.json",
        "      dark_1.FIT: truncated",
        f"      log: {log}",
        "Whatever did not need these is made. When mended, go on with:",
        "  snakemake",
    ]


def test_a_job_that_died_silently_is_said_to(tmp_path):
    log = tmp_path / "dark_1.log"
    assert "it ended without a word (killed?)" in failure_summary(LOG.format(log=log), "x")
    log.write_text("")
    assert "it ended without a word (killed?)" in failure_summary(LOG.format(log=log), "x")


def test_a_run_without_failed_jobs_says_nothing():
    assert failure_summary("Building DAG of jobs...\n", "x") == ""
