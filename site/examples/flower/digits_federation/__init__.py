"""An app of Flower that records itself."""
