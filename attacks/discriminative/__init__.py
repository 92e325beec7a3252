"""Attacks on discriminative models: one file a mechanism."""
