"""Which path trains models of which recipe: one after the other, or a block of several as one batched program. Loads no torch.

The composition of a block is fixed: its members are those of the numbers k · size to (k + 1) · size - 1, whatever was wanted and
whatever is there already. So a model's bits hang on nothing but its block.
"""

from __future__ import annotations

LOOP, BLOCKS = "loop", "blocks"

# How many models of an architecture make a block; all others are trained by the loop. Measured in CPU-seconds a model, on one
# core with AVX-512 (tests/benchmarks/test_block_times.py measures the loop and blocks of perceptrons anew):
#
#                                                     loop   blocks of 1    2     4     8    16
#   mlp   64-256-256-10, 400 records, 60 epochs        .44           .30  .27   .21   .23   .23
#   mlp   784-256-10, 5,000 records, 50 epochs         5.0           3.6  3.1   2.8   2.8   3.2
#   cnn   1 x 28 x 28, 2,000 records, 1 epoch          .96           .97        .93              by grouped convolutions
#   cnn   3 x 32 x 32, 2,000 records, 1 epoch          1.1           1.2        1.6
#
# Blocks of 4 cost no more than larger ones, keep more workers busy, and train the fewest models that nobody wants. For the CNN
# grouped convolutions do not pay, and unfolded pictures with batched products take 2 to 4 times as long as the loop. A model that
# stands alone, as a target does, is trained by the loop, so that its bits do not hang on how those beside it are trained.
SIZES = {"mlp": 4}


def block_size(architecture: str, *, noisy: bool = False, own_trainer: bool = False) -> int:
    """Return how many models of a recipe are trained at a time: 1 for those that the loop trains.

    Noisy descent takes a gradient of every record by itself, and what a trainer of one's own does is not known.
    """
    return 1 if noisy or own_trainer else SIZES.get(architecture, 1)
