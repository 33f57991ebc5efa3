"""cnnlab: what makes a small convolutional network learn?"""

from importlib.metadata import version

__version__ = version("cnnlab")
