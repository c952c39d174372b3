"""Signed tokens: JSON Web Tokens (RFC 7519) with HMAC-SHA256, of which we take back exactly what we have made."""

import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import jwt
import msgspec

from calls_core.accounts import SessionId
from calls_core.errors import NotSignedIn
from calls_core.ports import Clock, Token, TokenKind, Tokens
from calls_core.recording import CallId

ALGORITHM: Final = "HS256"
LENGTH_LIMIT: Final = 1024
LEEWAY_SEC: Final = 30
"""How far the clock of another replica may be ahead."""

_REFUSED: Final = "this token is not valid, or has expired; sign in again"


class _Claims(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """*sub* is the session; *gen* stands in refresh tokens and *call* in media tokens."""

    aud: str
    sub: UUID
    iat: int
    exp: int
    gen: int | None = None
    call: UUID | None = None


class JwtTokens(Tokens):
    """Each kind has an audience and a key of its own, so that none passes for another."""

    def __init__(self, secret: bytes, clock: Clock) -> None:
        self._keys = {kind: hmac.digest(secret, f"calls {kind} tokens".encode(), hashlib.sha256) for kind in TokenKind}
        self._clock = clock

    def sign(self, token: Token) -> str:
        claims = _Claims(
            aud=_audience(token.kind),
            sub=token.session_id,
            iat=int(self._clock().timestamp()),
            exp=int(token.expires_at.timestamp()),
            gen=token.generation,
            call=token.call_id,
        )
        payload: dict[str, Any] = msgspec.to_builtins(claims)
        return jwt.encode(payload, self._keys[token.kind], ALGORITHM)

    def read(self, text: str, kind: TokenKind) -> Token:
        # Ours all begin alike: other algorithms, keys named in the header and nested tokens end here.
        if len(text) > LENGTH_LIMIT or not text.startswith(_HEADER):
            raise NotSignedIn(_REFUSED)
        try:
            payload = jwt.decode(
                text,
                self._keys[kind],
                algorithms=[ALGORITHM],
                audience=_audience(kind),
                # Times are compared below, with the clock that everything else goes by.
                options={"strict_aud": True, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
            claims = msgspec.convert(payload, _Claims)
        except (jwt.InvalidTokenError, msgspec.ValidationError, UnicodeError, RecursionError) as error:
            raise NotSignedIn(_REFUSED) from error
        now = self._clock().timestamp()
        if not claims.iat - LEEWAY_SEC <= now < claims.exp:
            raise NotSignedIn(_REFUSED)
        return Token(
            kind=kind,
            session_id=SessionId(claims.sub),
            expires_at=datetime.fromtimestamp(claims.exp, UTC),
            generation=claims.gen,
            call_id=CallId(claims.call) if claims.call else None,
        )


def _audience(kind: TokenKind) -> str:
    return f"calls:{kind}"


_HEADER: Final = jwt.encode({}, bytes(32), ALGORITHM).partition(".")[0] + "."
