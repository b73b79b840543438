"""The slip dashboard: what sites moved by, over an ensemble of structures, in one widget."""

from seisnb.dashboards.slip.dashboard import SlipDashboard

__all__ = ["SlipDashboard"]
