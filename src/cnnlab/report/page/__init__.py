"""The page of a report: report.json's content as one HTML file, and its figures."""

from cnnlab.report.page.render import render

__all__ = ["render"]
