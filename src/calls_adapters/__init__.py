"""Ports made real: each module stands alone behind one port of the core."""
