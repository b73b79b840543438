"""Location: arrivals and an ensemble of velocity models in, hypocentres over all models out."""
