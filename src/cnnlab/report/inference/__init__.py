"""What a few seeds allow to conclude: variances, tests, intervals, verdicts. Numbers only; nothing here reads runs."""
