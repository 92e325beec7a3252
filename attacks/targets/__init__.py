"""Targets: data sets and really trained models with known members."""
