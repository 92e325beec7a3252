"""Kinds of models that can be audited: each a form in the audit file, and what answers."""
