"""Hydra finds launchers and sweepers in this namespace alone; what they do is in cnnlab.sweep."""
