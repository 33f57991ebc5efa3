"""A finished network used: loaded back from its run folder, and asked for predictions."""
