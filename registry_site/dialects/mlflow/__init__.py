"""MLflow's REST API: its clients work here unchanged."""
