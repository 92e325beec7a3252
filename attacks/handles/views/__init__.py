"""Views: the handle of an implication's result, made from the handles of what it needs."""
