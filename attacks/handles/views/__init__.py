"""Views: the handle of an implication's result, made from the handles of what it needs.

A view that draws at random takes a keyword-only `seed`, as attacks and steps do.
"""
