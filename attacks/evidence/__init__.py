"""What a bench measures, in which order, means over seeds, and comparisons."""
