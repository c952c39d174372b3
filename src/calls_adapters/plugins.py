"""Finds analyzers in installed distributions."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import EntryPoint, entry_points

import pluggy

from calls_core import hookspecs
from calls_core.hookspecs import AnalysisOptions
from calls_core.ports import Analyzer

GROUP = "calls"

_log = logging.getLogger("calls.plugins")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """One entry point of the group ``calls``: what it offers, or why it could not be loaded."""

    name: str
    distribution: str
    version: str
    analyzers: tuple[Analyzer, ...] = ()
    error: str | None = None


def load_plugins(options: AnalysisOptions, extra: Iterable[object] = ()) -> tuple[Plugin, ...]:
    """Return every installed plugin, and then the *extra* ones. A broken plugin is reported; the others still load."""
    found = [_loaded(entry, options) for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name)]
    found += [
        Plugin(name=type(plugin).__name__, distribution="(given)", version="", analyzers=_analyzers(plugin, options))
        for plugin in extra
    ]
    for plugin in found:
        if plugin.error:
            _log.error("plugin %s of %s is not used: %s", plugin.name, plugin.distribution, plugin.error)
    return tuple(found)


def choose_analyzers(plugins: Sequence[Plugin], names: Sequence[str]) -> tuple[Analyzer, ...]:
    """Return the analyzers called *names*, in that order.

    Raises:
        ValueError: a name is unknown, given twice, or offered by two plugins; the message says what to do.
    """
    offered: dict[str, list[Plugin]] = {}
    for plugin in plugins:
        for analyzer in plugin.analyzers:
            offered.setdefault(analyzer.name, []).append(plugin)
    broken = [f"{plugin.name} ({plugin.error})" for plugin in plugins if plugin.error]
    for name in names:
        owners = offered.get(name, [])
        if not owners:
            hint = f"; broken plugins: {', '.join(broken)}" if broken else ""
            msg = f"ANALYZERS: there is no analyzer {name!r}; installed are {', '.join(sorted(offered))}{hint}"
            raise ValueError(msg)
        if len(owners) > 1:
            msg = f"ANALYZERS: {name!r} is offered by {' and '.join(o.distribution for o in owners)}; uninstall one"
            raise ValueError(msg)
    if len(set(names)) < len(names):
        msg = "ANALYZERS: a name is given twice"
        raise ValueError(msg)
    by_name = {analyzer.name: analyzer for plugin in plugins for analyzer in plugin.analyzers}
    chosen = tuple(by_name[name] for name in names)
    try:
        TopologicalSorter({analyzer.name: analyzer.after for analyzer in chosen}).prepare()
    except CycleError as error:
        msg = f"ANALYZERS: {' waits for '.join(error.args[1])}: leave one of them out"
        raise ValueError(msg) from None
    return chosen


def _loaded(entry: EntryPoint, options: AnalysisOptions) -> Plugin:
    distribution = entry.dist.name if entry.dist else "?"
    version = entry.dist.version if entry.dist else ""
    try:
        analyzers = _analyzers(entry.load(), options)
    except (Exception, SystemExit) as error:  # noqa: BLE001 (a plugin may raise anything)
        why = f"{type(error).__name__}: {error}"
        return Plugin(name=entry.name, distribution=distribution, version=version, error=why)
    return Plugin(name=entry.name, distribution=distribution, version=version, analyzers=analyzers)


def _analyzers(plugin: object, options: AnalysisOptions) -> tuple[Analyzer, ...]:
    """Ask one plugin: each has a manager of its own, so that an error in one cannot silence the others."""
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    manager.register(plugin)
    manager.check_pending()
    return tuple(analyzer for offered in manager.hook.calls_analyzers(options=options) for analyzer in offered)
