"""Writes the OpenAPI document of the installed package, from which the page's client gets its types."""

import sys
from pathlib import Path

import msgspec

from calls_app.container import make_container
from calls_app.server import make_app
from calls_app.settings import Settings

settings = Settings()
app = make_app(make_container(settings), settings, with_worker=False)
Path(sys.argv[1]).write_bytes(msgspec.json.encode(app.openapi_schema.to_schema()))
