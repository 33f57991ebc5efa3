"""Benchmarks of the lecture's experiment. This file imports nothing, since imports are measured."""
