"""The lecture's page: one HTML file in both languages that asks for nothing else."""

from cnnlab.lecture.page.render import render

__all__ = ["render"]
