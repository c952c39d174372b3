"""How the pages are built: ``nox -s docs``. Written so that the same files read well in a repository browser."""

project = "Calls"
author = "Calls contributors"
project_copyright = author

extensions = ["myst_parser"]
exclude_patterns = ["_build", "examples"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = "Calls"
html_show_sphinx = False
