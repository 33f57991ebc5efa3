"""A campaign of random faults against real runs and sweeps: `make torture`, or `python -m tests.torture`."""
