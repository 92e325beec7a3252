"""Trying again what may go well the next time: with tenacity, and with waits that grow and differ from client to client."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type
from tenacity.wait import wait_exponential_jitter

from taxonomy.findings import InputError

# A service that is being started again has some two minutes; one that was never there is given up after seconds.
PATIENT = 8
BRIEF = 3
FIRST_WAIT = 1.0
LONGEST_WAIT = 30.0
# A service that wants a longer pause than this is left alone: the user comes back later.
LONGEST_PAUSE = 300.0

T = TypeVar("T")


class ServiceError(InputError):
    """What a service did not answer, and what to do about it.

    `tries` is after how many tries it is final (1: at once), `wait` the seconds that the service asks to wait, `refused` whether
    it certainly answered nothing (so that nothing is counted), `status` the HTTP status, 0 without one.
    """

    def __init__(self, message: str, *, tries: int = 1, wait: float = 0.0, refused: bool = False, status: int = 0):
        super().__init__(message)
        self.tries, self.wait, self.refused, self.status = tries, wait, refused, status


def insist(attempt: Callable[[], T], *, tries: int, sleep: Callable[[float], None]) -> T:
    """Return what `attempt` returns, trying again after a ServiceError as often as `tries` and it allow; raise the last."""
    growing = wait_exponential_jitter(initial=FIRST_WAIT, max=LONGEST_WAIT, jitter=FIRST_WAIT)

    def final(state: RetryCallState) -> bool:
        return state.attempt_number >= min(tries, _error(state).tries)

    def pause(state: RetryCallState) -> float:
        return max(growing(state), _error(state).wait)

    retrying = Retrying(retry=retry_if_exception_type(ServiceError), stop=final, wait=pause, sleep=sleep, reraise=True)
    return retrying(attempt)


def seconds_of(header: str | None) -> float:
    """Return the seconds from now that a Retry-After header asks for, as a number or a date; 0 if none can be read."""
    if not header:
        return 0.0
    if header.strip().isdecimal():
        return float(header)
    try:
        date = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return 0.0
    # A date without a zone is in UTC, as the standard has it.
    return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _error(state: RetryCallState) -> ServiceError:
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, ServiceError)
    return error
