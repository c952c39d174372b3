"""HTTP: routes, wire structs, problems, documentation. Knows the core and nothing of what stands behind it."""
