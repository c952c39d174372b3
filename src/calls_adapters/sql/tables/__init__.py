"""The relational schema, by subject. A test compares it with what the migrations make.

Tables whose ``info`` names a dialect exist in databases of that dialect only. All are loaded together, because keys
name the tables that they refer to.
"""

from calls_adapters.sql.tables import accounts, arrivals, calls, deliveries, governance, jobs, recordings, search

__all__ = ["accounts", "arrivals", "calls", "deliveries", "governance", "jobs", "recordings", "search"]
