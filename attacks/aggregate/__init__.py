"""Attacks on published statistics: no model, but frequencies, means or counts of a group of people."""
