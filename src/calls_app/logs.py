"""What the service writes to standard error."""

import logging
import logging.config
from typing import Any

import structlog

from calls_app.settings import Settings


def _without_colours(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Drop the second copy that uvicorn adds to some of its lines for colourful terminals."""
    event.pop("color_message", None)
    return event


def configure_logging(settings: Settings) -> None:
    """Send every log line of this process through structlog: text for people, JSON for machines.

    Lines carry what was bound to structlog's context: ``request_id`` in a request; ``call_id``, ``job_id`` and
    ``attempt`` in a job, and ``analyzer`` in a step; ``trace_id`` where there is a trace.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(),
        _without_colours,
    ]
    last: list[structlog.typing.Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    # By default both show the local variables of every function on the way: secrets, numbers, and seconds of work.
    if settings.log_format == "json":
        frames = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        last += [structlog.processors.ExceptionRenderer(frames), structlog.processors.JSONRenderer()]
    else:
        last += [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)]
    config: dict[str, Any] = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": shared,
                "processors": last,
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": settings.log_level},
        "loggers": {
            name: {"level": "WARNING"}  # botocore's tell the signatures of addresses that let anyone download
            for name in ("taskiq", "alembic", "aiosqlite", "botocore", "httpcore2", "httpx2")
        }
        # They report, with traceback, each attempt to reach a server of which we tell once that it is down.
        | {name: {"level": "CRITICAL"} for name in ("aio_pika", "aiormq")}
        | {"opentelemetry": {"level": "ERROR"}},  # once a batch is lost; below that it tells of every retry
    }
    logging.config.dictConfig(config)
    logging.captureWarnings(capture=True)
