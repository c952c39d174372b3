"""The part of the wiring that accounts need."""

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dishka import Provider, Scope, provide, provide_all
from sqlalchemy.engine import make_url

from calls_adapters.sql.accounts import SqlApiKeys, SqlUsers
from calls_adapters.sql.audit import SqlAuditLog
from calls_adapters.sql.sign_in_limits import SqlSignInLimits
from calls_app.settings import Settings, SettingsError
from calls_app.settings_checks import SECRET_NEEDED
from calls_core.audit import SYSTEM
from calls_core.errors import AccountsOff
from calls_core.ports import ApiKeys, AuditLog, Clock, Passwords, SignInLimits, Tokens, Users
from calls_core.use_cases.authenticate import Accounts, Authenticate, LiveSessions
from calls_core.use_cases.keep_audit import KeepAudit
from calls_core.use_cases.manage_accounts import ChangePassword, ManageApiKeys, ManageUsers
from calls_core.use_cases.sign_in import LimitAttempts, RefreshSession, SignIn, SignOut, Tickets

FIRST_ADMIN: Final = "admin"


@dataclass(frozen=True, slots=True)
class AuthSecret:
    value: bytes

    def __repr__(self) -> str:
        return "AuthSecret(***)"


class _NoPasswords(Passwords):
    """Where there is no secret that all processes know, a password would be lost with the process that took it."""

    async def hash(self, password: str) -> str:  # noqa: ARG002 (the port's signature)
        raise AccountsOff(f"AUTH_SECRET {SECRET_NEEDED}; then users can be added")

    async def matches(self, password: str, stored: str | None) -> bool:  # noqa: ARG002 (the port's signature)
        raise AccountsOff(f"AUTH_SECRET {SECRET_NEEDED}; then users can sign in")


class AccountUseCases(Provider):
    scope = Scope.APP
    use_cases = provide_all(
        Authenticate,
        ChangePassword,
        KeepAudit,
        LimitAttempts,
        LiveSessions,
        ManageApiKeys,
        ManageUsers,
        RefreshSession,
        SignIn,
        SignOut,
        Tickets,
    )


class AccountAdapters(Provider):
    scope = Scope.APP
    users = provide(SqlUsers, provides=Users)
    api_keys = provide(SqlApiKeys, provides=ApiKeys)
    audit = provide(SqlAuditLog, provides=AuditLog)
    limits = provide(SqlSignInLimits, provides=SignInLimits)

    @provide
    def accounts(self, settings: Settings) -> Accounts:
        return Accounts(enabled=settings.auth_enabled)

    @provide
    def secret(self, settings: Settings) -> AuthSecret:
        """That of the settings or, beside an embedded database, one that is made once."""
        if settings.auth_secret:
            return AuthSecret(settings.auth_secret.encode())
        if not settings.is_embedded:  # and so without accounts: nothing that it signs is ever read
            return AuthSecret(secrets.token_bytes())
        from calls_adapters.security.secret import kept_secret  # noqa: PLC0415 (most installations name theirs)

        folder = Path(make_url(settings.database_url).database or "").absolute().parent
        try:
            return AuthSecret(kept_secret(folder))
        except OSError as error:
            raise SettingsError(f"AUTH_SECRET: is not set, and none can be kept in {folder}: {error}") from None

    @provide
    def passwords(self, settings: Settings, secret: AuthSecret) -> Passwords:
        if not settings.auth_secret and not settings.is_embedded:
            return _NoPasswords()
        from calls_adapters.security.passwords import BcryptPasswords  # noqa: PLC0415 (without accounts not needed)

        return BcryptPasswords(secret.value)

    @provide
    def tokens(self, secret: AuthSecret, clock: Clock) -> Tokens:
        from calls_adapters.security.tokens import JwtTokens  # noqa: PLC0415 (as above)

        return JwtTokens(secret.value, clock)


async def first_admin(manage: ManageUsers) -> str | None:
    """Make an admin if there are no users at all; return the password then, which nobody can ask for again."""
    password = secrets.token_urlsafe(15)
    return password if await manage.add_first(FIRST_ADMIN, password, SYSTEM) else None
