"""Attacks on federated learning, one file for each mechanism."""
