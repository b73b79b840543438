"""The tomography dashboard: state, controller, and views that only draw."""

from seisnb.dashboards.tomography.dashboard import TomographyDashboard

__all__ = ["TomographyDashboard"]
