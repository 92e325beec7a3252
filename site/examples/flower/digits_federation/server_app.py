"""The server: `RecordingStrategy` around a strategy is all that recording takes."""

import torch
from flwr.app import ArrayRecord, Context
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg

from attacks.flower import RecordingStrategy
from digits_federation.task import model

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Train for some rounds."""
    torch.manual_seed(0)
    start, rounds = ArrayRecord(model().state_dict()), int(context.run_config["num-server-rounds"])
    strategy = RecordingStrategy(FedAvg(min_available_nodes=3), f"recordings/{context.run_id}")
    strategy.start(grid=grid, initial_arrays=start, num_rounds=rounds)
