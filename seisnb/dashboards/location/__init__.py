"""The location dashboard."""

from seisnb.dashboards.location.dashboard import LocationDashboard

__all__ = ["LocationDashboard"]
