"""Engines that turn a target density into particles. They know no seismology."""
