"""``python -m calls_app`` is ``calls``."""

from calls_app.cli import main

main()
