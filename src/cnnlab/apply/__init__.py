"""Loads the network of a finished run and uses it for predictions."""
