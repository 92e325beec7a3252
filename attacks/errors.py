"""What stops an attack, whatever part of it found the reason."""

from __future__ import annotations


class AttackError(Exception):
    """The attack cannot go on; the message says why."""


class DivergedError(AttackError):
    """A model answers not-a-number: its training went astray, and what it says of a record is nothing."""
