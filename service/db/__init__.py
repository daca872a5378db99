"""ALL SQL: one file per noun with its tables and queries. Functions take a connection and never commit."""
