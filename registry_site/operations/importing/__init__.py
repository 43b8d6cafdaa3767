"""Moving in: from another registry's records to ours, by way of neutral shapes."""
