"""Networks and how they learn: architectures, recipes, training, generators, federations, and what is read off answers."""
