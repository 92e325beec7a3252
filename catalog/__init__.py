"""The knowledge, as data: YAML entries, one file each. No code lives here."""
