"""Signatures of Standard Webhooks 1.0.0.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

PREFIX = "whsec_"


def signed_headers(message_id: UUID, at: datetime, body: bytes, secrets: Sequence[str]) -> dict[str, str]:
    """Return the headers that go with *body*; each of the *secrets* signs, so that one can take over from another."""
    stamp = int(at.timestamp())
    content = f"{message_id}.{stamp}.".encode() + body
    signatures = (
        hmac.new(base64.b64decode(secret.removeprefix(PREFIX)), content, hashlib.sha256).digest() for secret in secrets
    )
    return {
        "webhook-id": str(message_id),
        "webhook-timestamp": str(stamp),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(made).decode()}" for made in signatures),
    }
