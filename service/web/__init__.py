"""Staff pages: `setup` puts them on an application."""

from service.web.routes import ROUTES, Route
from service.web.setup import setup

__all__ = ["ROUTES", "Route", "setup"]
