"""The regression gate: a run's scores, failures and speed against a stored baseline."""
