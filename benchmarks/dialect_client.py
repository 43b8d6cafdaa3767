"""Logs and registers models with MLflow's client; prints the median seconds of one. It runs in MLflow's environment."""

import sys
import time
from statistics import median

import mlflow
import numpy
from sklearn.linear_model import LogisticRegression

FEATURES, LABELS = numpy.array([[0.0, 1.0], [1.0, 0.0]]), numpy.array([0, 1])
TIMES = 5


def seconds() -> float:
    """Train a model, log and register it; return how long that took."""
    started = time.perf_counter()
    with mlflow.start_run():
        model = LogisticRegression().fit(FEATURES, LABELS)
        mlflow.log_params({"depth": 3, "rate": 0.1})
        mlflow.log_metric("loss", 0.5, step=1)
        about = {"serialization_format": "cloudpickle", "pip_requirements": ["scikit-learn"]}
        mlflow.sklearn.log_model(model, name="model", registered_model_name="logged", **about)
    return time.perf_counter() - started


seconds()  # imports what is imported late
sys.stdout.write(f"{median([seconds() for _ in range(TIMES)])}\n")
