"""What an asynchronous AI service says about a job: in its answers, and in its callbacks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from calls_core.errors import AiAnswerInvalid
from calls_core.ports import AnswerReader

WAITING: Final = frozenset({"queued", "pending", "created", "accepted", "processing", "running", "in_progress"})
DONE: Final = frozenset({"done", "completed", "complete", "succeeded", "success", "finished"})
FAILED: Final = frozenset({"failed", "error", "cancelled", "canceled", "rejected", "expired"})
_ENVELOPE: Final = frozenset({"id", "status"})
_ID_LIMIT: Final = 200


@dataclass(frozen=True, slots=True)
class Told:
    """*result* is there when *done*, *why* when it *failed*; *is_bare* tells a result without anything around it."""

    job_id: str | None
    done: bool = False
    failed: bool = False
    result: Any = None
    why: str = ""
    is_bare: bool = False


def told(content: bytes) -> Told:
    """Read what a service says: an object with ``id``, ``status`` and ``result`` or ``error``.

    An object without ``status`` is the result itself, unless it has an ``error`` or nothing but an ``id``.

    Raises:
        AiAnswerInvalid: it is something else.
    """
    try:
        said = msgspec.json.decode(content)
    except (ValueError, RecursionError) as error:
        msg = f"the AI service answered with something other than JSON: {error}"
        raise AiAnswerInvalid(msg) from error
    if not isinstance(said, dict):
        msg = "the AI service answered with JSON that is no object"
        raise AiAnswerInvalid(msg)
    job_id = _id(said.get("id"))
    if "status" not in said:
        if said.get("error"):
            return Told(job_id, failed=True, why=_why(said["error"]))
        return Told(job_id) if said.keys() <= _ENVELOPE else Told(job_id, done=True, result=said, is_bare=True)
    status = str(said["status"]).lower()
    if status in WAITING:
        return Told(job_id)
    if status in FAILED:
        return Told(job_id, failed=True, why=_why(said.get("error")))
    if status in DONE:
        rest = {name: value for name, value in said.items() if name not in _ENVELOPE}
        return Told(job_id, done=True, result=said.get("result", rest))
    known = ", ".join(sorted(WAITING | DONE | FAILED))
    msg = f"the AI service answered with a status that is none of {known}"
    raise AiAnswerInvalid(msg)


class JobAnswers(AnswerReader):
    def is_final(self, content: bytes) -> bool:
        said = told(content)
        return said.done or said.failed


def _id(given: object) -> str | None:
    if given is None:
        return None
    text = str(given)
    if isinstance(given, str | int) and 0 < len(text) <= _ID_LIMIT and text.isprintable():
        return text
    msg = f"the AI service gave a job an id that is no string of 1 to {_ID_LIMIT} characters"
    raise AiAnswerInvalid(msg)


def _why(error: object) -> str:
    if isinstance(error, Mapping):
        error = error.get("message") or error.get("detail") or error.get("code")
    return error if isinstance(error, str) and error else "it gave no reason"
