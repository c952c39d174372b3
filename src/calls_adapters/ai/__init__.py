"""AI services: one client per protocol, and the built-in analyzers that use them."""
