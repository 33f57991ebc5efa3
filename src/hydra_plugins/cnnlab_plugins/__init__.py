"""Hydra finds launchers and sweepers only in this namespace; their code is in cnnlab.sweep."""
