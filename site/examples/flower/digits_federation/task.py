"""What is learned, and from which records: nothing here knows of Flower or of attacks."""

import torch
from sklearn.datasets import load_digits
from sklearn.utils import shuffle
from torch import Tensor, nn

# Participant k holds records PARTS[k] to PARTS[k + 1]; the rest belongs to nobody.
PARTS = (0, 60, 140, 240)


def model() -> nn.Module:
    """Return a network for pictures of 8 x 8 pixels."""
    return nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


def records(first: int, last: int) -> tuple[Tensor, Tensor]:
    """Return some of scikit-learn's digits: pixels float32 (n, 64), labels int64 (n,).

    They are shuffled: along the file the writers change, so that members could be told from others without any model.
    """
    x, y = shuffle(*load_digits(return_X_y=True), random_state=0)
    return torch.from_numpy(x[first:last]).float() / 16, torch.from_numpy(y[first:last])


def train(weights: dict[str, Tensor], participant: int, epochs: int = 30) -> tuple[dict[str, Tensor], int]:
    """Train on a participant's records; return the weights, and the number of records."""
    torch.set_num_threads(1)
    torch.manual_seed(participant)
    net = model()
    net.load_state_dict(weights)
    x, y = records(PARTS[participant], PARTS[participant + 1])
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(16):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x[rows]), y[rows]).backward()
            optimizer.step()
    return net.state_dict(), len(x)
