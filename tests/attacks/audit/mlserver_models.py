"""Trains what MLServer serves in a test, and writes its settings. Run by the Python of MLServer's own environment.

Usage: python mlserver_models.py FOLDER HTTP_PORT GRPC_PORT
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import joblib
import numpy as np
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier


def main(folder: Path, http_port: int, grpc_port: int) -> None:
    iris = load_iris()
    forest = RandomForestClassifier(20, random_state=0).fit(iris.data, iris.target_names[iris.target])
    (folder / "forest").mkdir(parents=True)
    # MLServer's runtime for scikit-learn reads joblib only; who reads it here has just written it.
    joblib.dump(forest, folder / "forest" / "model.joblib")
    np.save(folder / "records.npy", iris.data)
    np.save(folder / "scores.npy", forest.predict_proba(iris.data))
    np.save(folder / "labels.npy", forest.predict(iris.data).astype("U"))
    model = {
        "name": "forest",
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": "./model.joblib", "version": "v1"},
    }
    (folder / "forest" / "model-settings.json").write_text(json.dumps(model))
    settings = {
        "host": "127.0.0.1",
        "http_port": http_port,
        "grpc_port": grpc_port,
        "metrics_endpoint": None,
        "parallel_workers": 0,
    }
    (folder / "settings.json").write_text(json.dumps(settings))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
