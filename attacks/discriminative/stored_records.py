"""Reading a model that holds records on which it was trained: who is in the file is a member."""

from __future__ import annotations

import numpy as np
import torch

from attacks.handles import HeldRecords, Records, Scored


def read(records: Records, stored_records: HeldRecords) -> Scored:
    """1 for each record that the model holds, else 0, float64 (n,); member if it holds it.

    Jefferson et al. 2022 (remembered): models such as nearest neighbours and support vector machines need records to predict, and
    so their files hold them. Nearest neighbours and Gaussian processes hold all; of a support vector machine, which
    holds those at its margin, a record that is not found may still be a member.
    """
    return Scored(torch.from_numpy(np.isin(records.ids, stored_records.ids)).double(), cut=1.0)
