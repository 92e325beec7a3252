"""Audits of a model of one's own."""
