"""Attacks on generative models, one file for each mechanism."""
