"""Location: arrivals and an ensemble of velocity models in, hypocentres over all models out."""

from seisnb.location.config import LocationConfig
from seisnb.location.locate import locate
from seisnb.location.prepare import Prepared, prepare

__all__ = ["LocationConfig", "Prepared", "locate", "prepare"]
