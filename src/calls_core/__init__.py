"""The domain of Calls: no I/O, no framework, the standard library and pluggy only."""
