"""Who may bring the answer of an AI service, beyond knowing the address of the callback."""

import base64
import binascii
import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from calls_http.problems import HttpRefusal

TOLERANCE_SEC: Final = 300.0


class CallbackRefused(HttpRefusal):
    """The credentials of the callback are not those that were agreed upon."""

    status_code = 401
    code = "callback-refused"


@dataclass(frozen=True, slots=True)
class CallbackGuard:
    """Checks a static *header*, *basic* authentication, or a *signature* by Standard Webhooks 1.0.0.

    *name* is that of the header or the user. Whatever is compared is compared in constant time.
    """

    kind: Literal["none", "header", "basic", "signature"] = "none"
    name: str = ""
    secret: str = field(default="", repr=False)
    clock: Callable[[], float] = time.time

    def require_allowed(self, headers: Mapping[str, str], body: bytes) -> None:
        """Return if the callback may be believed; raise ``CallbackRefused`` otherwise."""
        match self.kind:
            case "none":
                return
            case "header":
                fits = _same(headers.get(self.name.lower(), ""), self.secret)
            case "basic":
                known = base64.b64encode(f"{self.name}:{self.secret}".encode()).decode()
                scheme, _, given = headers.get("authorization", "").partition(" ")
                fits = scheme.lower() == "basic" and _same(given.strip(), known)
            case "signature":
                fits = self._is_signed(headers, body)
        if not fits:
            raise CallbackRefused("send the credentials that AI_CALLBACK_AUTH names")

    def _is_signed(self, headers: Mapping[str, str], body: bytes) -> bool:
        # https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
        message_id, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not message_id or not stamp.isdecimal() or abs(self.clock() - int(stamp[:12])) > TOLERANCE_SEC:
            return False
        try:
            key = base64.b64decode(self.secret.removeprefix("whsec_"))
        except binascii.Error:
            return False
        signed = hmac.digest(key, f"{message_id}.{stamp}.".encode() + body, "sha256")
        known = f"v1,{base64.b64encode(signed).decode()}"
        return any(_same(given, known) for given in headers.get("webhook-signature", "").split(" "))


def _same(given: str, known: str) -> bool:
    return hmac.compare_digest(given.encode(), known.encode())
