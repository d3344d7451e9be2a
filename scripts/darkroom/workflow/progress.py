"""What a run is doing, in words, and how long it will still take. Standard library only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from darkroom.words import counted

# Steps that must have ended, and seconds, before an estimate is worth showing.
_FEWEST, _SOONEST_S = 3, 5.0


class Progress:
    """Steps of a run: those that ended, those at work, and those to come.

    The time left is that of the steps to come, each as long as the mean of its rule so far (of all
    steps, while none of its rule has ended), by as many at once as there were until now.
    """

    def __init__(self) -> None:
        self._left: dict[str, int] = defaultdict(int)
        self._words: dict[int, tuple[str, str]] = {}
        self._begun: dict[int, float] = {}
        self._spent: dict[str, float] = defaultdict(float)
        self._ended: dict[str, int] = defaultdict(int)
        self._start: float | None = None
        self.done = self.total = 0

    def plan(self, counts: Mapping[str, int]) -> None:
        """Take note of the number of steps of each rule; ``total`` may be among them."""
        self._left.update({rule: n for rule, n in counts.items() if rule != "total"})
        self.total = sum(self._left.values())

    def begin(self, job: int, rule: str, words: str, now: float) -> None:
        """Take note of a step that begins, and of what it does, in words."""
        self._start = now if self._start is None else self._start
        self._words[job] = rule, words
        self._begun[job] = now

    def end(self, job: int, now: float) -> None:
        """Take note of a step that has ended, well or not."""
        begun = self._begun.pop(job, None)
        if begun is None:
            return
        rule, _ = self._words.pop(job)
        self._spent[rule] += now - begun
        self._ended[rule] += 1
        self._left[rule] = max(0, self._left[rule] - 1)
        self.done += 1

    def seconds_left(self, now: float) -> float | None:
        """Return an estimate of the seconds left; None while too little is known."""
        ended, spent = sum(self._ended.values()), sum(self._spent.values())
        if self._start is None or ended < _FEWEST or now - self._start < _SOONEST_S:
            return None
        mean = spent / ended
        to_come = sum(
            left * (self._spent[rule] / self._ended[rule] if self._ended[rule] else mean)
            for rule, left in list(self._left.items())
        )
        at_work = sum(now - begun for begun in self._begun.values())
        at_once = max((spent + at_work) / (now - self._start), 1e-3)
        return max(0.0, to_come - at_work) / at_once

    def line(self, now: float) -> str:
        """Return the state in one line: steps, what is being done, and how long is left."""
        parts = [f"{self.done} of {self.total}"]
        if self._begun:
            latest = max(self._begun, key=lambda job: (self._begun[job], job))
            others = len(self._begun) - 1
            parts.append(self._words[latest][1] + (f" (and {others} more)" if others else ""))
        left = self.seconds_left(now)
        if left is not None and self.done < self.total:
            parts.append(f"{duration(left)} left")
        return " · ".join(parts)


def duration(seconds: float) -> str:
    """Return a time in words, as precise as an estimate is."""
    if seconds < 50:
        return "less than a minute"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"about {counted(max(minutes, 1), 'minute')}"
    return f"about {counted(round(seconds / 3600), 'hour')}"
