"""Steps: one file an artifact that attacks share."""
