"""How the forest is trained."""

from sklearn.ensemble import RandomForestClassifier


def train(x, y, seed):
    """Return a forest of 50 trees, grown on records x, a data frame, with labels y."""
    return RandomForestClassifier(50, random_state=seed).fit(x, y)
