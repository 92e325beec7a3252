"""Defenses in code, one file a mechanism."""
