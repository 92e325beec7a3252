"""Progress: the rate and the time left, on bars and in plain lines."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from attacks.cli import progress
from attacks.cli.progress import Bars, Course


@pytest.mark.parametrize(
    ("advances", "now", "expected"),
    [
        ([], 5.0, ""),
        ([4.0], 4.0, "4.0 s each, 0:12 left"),
        ([4.0, 8.0], 11.0, "4.0 s each, 0:05 left"),
        ([4.0], 100.0, "4.0 s each, 0:00 left"),
        ([0.25, 0.5], 0.5, "4.0 a second, 0:00 left"),
        ([900.0, 1800.0], 1800.0, "900.0 s each, 30:00 left"),
        ([3600.0], 3600.0, "3600.0 s each, 3:00:00 left"),
        ([4.0, 8.0, 12.0, 16.0], 20.0, "4.0 s each, 0:16 in all"),
        ([0.0], 0.0, "0:00 left"),
    ],
)
def test_rate_and_time_left(advances, now, expected):
    course = Course("Training", 4, 0.0)
    for at in advances:
        course.advance(at)
    assert course.told(now) == expected


@pytest.mark.parametrize("terminal", [True, False])
def test_both_are_told_with_a_terminal_and_without(monkeypatch, terminal):
    clock = iter(float(second) for second in range(1000))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(progress, "QUIET", 0)
    written = io.StringIO()
    with Bars(Console(file=written, force_terminal=terminal, width=120)) as bars:
        bars.start("Running attacks", 1)
        bars.start("Training models", 3)
        for _ in range(4):  # the last one is the attack's
            bars.advance()
    told = written.getvalue()
    assert "Training models" in told and "Running attacks" in told and "s each" in told and "in all" in told
    if not terminal:
        assert "Training models: 2/3, 1.0 s each, 0:01 left" in told
