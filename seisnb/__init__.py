"""seisnb: velocity models, hypocentres and slip, the model's uncertainty carried through."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("seisnb")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

__all__ = ["__version__"]
