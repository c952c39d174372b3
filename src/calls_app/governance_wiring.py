"""The part of the wiring that exports need."""

from datetime import timedelta

from dishka import Provider, Scope, provide, provide_all

from calls_adapters.sql.exports import SqlExports
from calls_app.export_sheets import WireExportSheets
from calls_app.housekeeping import Housekeeping
from calls_app.settings import Settings
from calls_core.ports import Exports, ExportSheets
from calls_core.use_cases.build_export import BuildExport
from calls_core.use_cases.keep_house import KeepHouse
from calls_core.use_cases.order_export import ExportRules, FetchExport, OrderExport


class GovernanceUseCases(Provider):
    scope = Scope.APP
    use_cases = provide_all(BuildExport, FetchExport, Housekeeping, KeepHouse, OrderExport)


class GovernanceAdapters(Provider):
    scope = Scope.APP
    exports = provide(SqlExports, provides=Exports)
    sheets = provide(WireExportSheets, provides=ExportSheets)

    @provide
    def export_rules(self, settings: Settings) -> ExportRules:
        return ExportRules(kept=timedelta(days=settings.export_days), max_bytes=settings.export_max_bytes)
