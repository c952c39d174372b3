"""The part of the wiring that exports, retention, legal holds and erasures need."""

from datetime import timedelta

from dishka import Provider, Scope, provide, provide_all

from calls_adapters.sql.erasures import SqlErasures
from calls_adapters.sql.exports import SqlExports
from calls_adapters.sql.retention import SqlLegalHolds, SqlRetention
from calls_app.export_sheets import WireExportSheets
from calls_app.housekeeping import Housekeeping
from calls_app.settings import Settings
from calls_core.governance import RetentionRules
from calls_core.ports import Erasures, Exports, ExportSheets, LegalHolds, Retention
from calls_core.use_cases.build_export import BuildExport
from calls_core.use_cases.erase_number import EraseNumber
from calls_core.use_cases.expire_calls import ExpireCalls
from calls_core.use_cases.hold_calls import HoldCalls
from calls_core.use_cases.keep_house import KeepHouse
from calls_core.use_cases.order_export import ExportRules, FetchExport, OrderExport


class GovernanceUseCases(Provider):
    scope = Scope.APP
    use_cases = provide_all(
        BuildExport, EraseNumber, ExpireCalls, FetchExport, HoldCalls, Housekeeping, KeepHouse, OrderExport
    )


class GovernanceAdapters(Provider):
    scope = Scope.APP
    exports = provide(SqlExports, provides=Exports)
    holds = provide(SqlLegalHolds, provides=LegalHolds)
    retention = provide(SqlRetention, provides=Retention)
    erasures = provide(SqlErasures, provides=Erasures)
    sheets = provide(WireExportSheets, provides=ExportSheets)

    @provide
    def export_rules(self, settings: Settings) -> ExportRules:
        return ExportRules(kept=timedelta(days=settings.export_days), max_bytes=settings.export_max_bytes)

    @provide
    def retention_rules(self, settings: Settings) -> RetentionRules:
        return RetentionRules(
            audio=_days(settings.retention_days_audio),
            transcripts=_days(settings.retention_days_transcripts),
            calls=_days(settings.retention_days_calls),
        )


def _days(number: int | None) -> timedelta | None:
    return None if number is None else timedelta(days=number)
