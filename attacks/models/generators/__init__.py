"""Generative models: how they are built and trained, one family a file, and the models that come out."""

from attacks.models.generators.recipe import GeneratorRecipe
from attacks.models.generators.training import Generator, fit_many

__all__ = ["Generator", "GeneratorRecipe", "fit_many"]
