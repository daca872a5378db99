"""Who reaches what: every route, role, id, cookie and form, and the trail of all who looked."""
