"""The pages' server, clinic and browsers, as tests of pages have them."""

from tests.web.conftest import browse, clinic, clock, database, server

__all__ = ["browse", "clinic", "clock", "database", "server"]
