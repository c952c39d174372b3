"""The built-in analyzer ``ai``, as a plugin that takes no time to load where no service is configured."""

from calls_core.hookspecs import AnalysisOptions, hookimpl
from calls_core.ports import Analyzer


@hookimpl
def calls_analyzers(options: AnalysisOptions) -> list[Analyzer]:
    if options.ai is None:
        return []
    if options.ai.protocol == "async":
        from calls_adapters.ai.orders import OrderingAnalyzer  # noqa: PLC0415 (HTTP clients are slow to load)

        return [OrderingAnalyzer(options.ai)]
    from calls_adapters.ai.analyzer import AiAnalyzer  # noqa: PLC0415 (as above)

    return [AiAnalyzer(options.ai)]
