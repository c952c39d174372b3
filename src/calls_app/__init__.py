"""The composition root: settings, wiring, and the doors: HTTP, worker, command line, library."""
