"""What every command begins with."""

import os

from calls_app.settings import Settings, load_settings, plugin_variables, read_environment


def configured(**defaults: str) -> Settings:
    """Return the settings of this process, with logging set up accordingly. *defaults* count where nothing is set."""
    from calls_app.logs import configure_logging

    settings = load_settings(defaults | read_environment(os.environ))
    for name, value in plugin_variables().items():
        os.environ.setdefault(name, value)
    configure_logging(settings)
    return settings
