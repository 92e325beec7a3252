"""Not faster than the service allows."""

from __future__ import annotations

from collections.abc import Callable


class Pace:
    """At most `per_second` records a second on average: after a batch, the next waits until its time has come."""

    def __init__(self, per_second: float | None, *, clock: Callable[[], float], sleep: Callable[[float], None]):
        self._per_second, self._clock, self._sleep = per_second, clock, sleep
        self._free = clock()

    def wait(self, records: int) -> None:
        """Wait until so many records may be sent."""
        if self._per_second is None:
            return
        early = self._free - self._clock()
        if early > 0:
            self._sleep(early)
        self._free = max(self._free, self._clock()) + records / self._per_second
