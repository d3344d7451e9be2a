"""The progress display: what is being done and how long is left."""

import pytest

from darkroom.workflow.progress import Progress, duration


def run(progress, job, rule, begin, end, words="Fetching a/b"):
    progress.begin(job, rule, words, begin)
    progress.end(job, end)


def test_the_line_has_words_steps_and_the_time_left():
    progress = Progress()
    progress.plan({"fetch": 10, "report": 1, "total": 11})
    assert progress.line(0.0) == "0 of 11"
    progress.begin(1, "fetch", "Fetching camera/bias_001", 0.0)
    progress.begin(2, "fetch", "Fetching camera/bias_002", 0.0)
    assert progress.line(1.0) == "0 of 11 · Fetching camera/bias_002 (and 1 more)"
    progress.end(2, 30.0)
    progress.end(1, 30.0)
    run(progress, 3, "fetch", 30.0, 60.0)
    progress.begin(4, "fetch", "Fetching camera/bias_004", 60.0)
    assert progress.line(60.0) == "3 of 11 · Fetching camera/bias_004 · about 3 minutes left"


def test_time_left_is_that_of_the_rules_to_come_by_as_many_as_work_at_once():
    progress = Progress()
    progress.plan({"short": 6, "long": 3})
    for job in range(4):
        run(progress, job, "short", job, job + 1.0)
    assert progress.seconds_left(4.0) is None
    run(progress, 10, "long", 4.0, 104.0)
    # Two short and two long ones are left.
    assert progress.seconds_left(104.0) == pytest.approx(202.0)
    # One that is at work has done its part; two at once are done in half the time.
    progress.begin(11, "long", "", 104.0)
    assert progress.seconds_left(154.0) == pytest.approx(152.0)
    twice = Progress()
    twice.plan({"long": 8})
    for job in range(4):
        run(twice, job, "long", job // 2 * 10.0, job // 2 * 10.0 + 10.0)
    assert twice.seconds_left(20.0) == pytest.approx(20.0)


def test_what_was_not_begun_here_is_not_counted():
    progress = Progress()
    progress.plan({"fetch": 1})
    progress.end(7, 1.0)
    assert progress.done == 0


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (3, "less than a minute"), (55, "about 1 minute"), (200, "about 3 minutes"),
        (7300, "about 2 hours"),
    ],
)  # fmt: skip
def test_duration_in_words(seconds, words):
    assert duration(seconds) == words
