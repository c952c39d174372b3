"""Whoever pulls the plugs: kills, freezes and starts the parts of a system at random, but by a seed."""

import math
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from tests.servers.process import CallsProcess, ServiceDied

STARTS: Final = 3
BETWEEN_SEC: Final = (0.1, 1.0)
RECOVERY_SEC: Final = 5.0
FREEZES: Final = 0.25
DOWN_SEC: Final = (0.0, 0.8)


class Killable(Protocol):
    """A server that comes back, at the same address and with what it had made durable."""

    def start(self) -> None: ...

    def kill(self) -> None: ...

    def pause(self) -> None: ...

    def resume(self) -> None: ...


class Chaos:
    """*processes* and *servers* are killed or frozen. Everybody has their turn, in an order that changes.

    *freeze_sec* is longer than a lease. A process that ended by itself, such as one that found no database when it
    started, is started again, as an operator's system does.
    """

    def __init__(
        self, seed: int, processes: Sequence[CallsProcess], servers: Mapping[str, Killable], freeze_sec: float
    ) -> None:
        self.kills: Counter[str] = Counter()
        self.freezes = 0
        self.revived = 0
        self._chance = random.Random(seed)
        self._processes = processes
        self._servers = servers
        self._freeze_sec = freeze_sec
        self._turns: list[str] = []
        self._frozen: dict[CallsProcess, float] = {}

    def rage(self, until: Callable[[], bool], progress: Callable[[], int]) -> None:
        """Do harm until *until* says that it is enough; then bring everything up.

        A system that is down cannot be hurt, so *progress* must have grown since the last time, or not for a while.
        """
        while not until():
            self._wait(progress)
            self._revive()
            name = self._next()
            if name in self._servers:
                self._bounce(name)
                continue
            process = self._processes[int(name)]
            if process in self._frozen:
                continue
            if len(self._processes) > 1 and self._freezes():
                process.pause()
                self._frozen[process] = time.monotonic() + self._freeze_sec
                self.freezes += 1
            else:
                process.kill()
                self.kills[process.log.stem.partition("-")[0]] += 1
                process.start(wait=False)
        self._thaw(at=math.inf)
        for process in self._processes:
            self._bring_up(process)

    def __str__(self) -> str:
        kinds = ", ".join(f"{name} {times}" for name, times in sorted(self.kills.items()))
        return f"{self.kills.total()} kills ({kinds}), {self.freezes} freezes, {self.revived} ended by themselves"

    def _wait(self, progress: Callable[[], int]) -> None:
        before, patience = progress(), time.monotonic() + RECOVERY_SEC
        while progress() == before and time.monotonic() < patience:
            self._thaw(at=time.monotonic())
            time.sleep(0.02)
        time.sleep(self._chance.uniform(*BETWEEN_SEC))
        self._thaw(at=time.monotonic())

    def _thaw(self, at: float) -> None:
        for process in [process for process, until in self._frozen.items() if until <= at]:
            process.resume()
            del self._frozen[process]

    def _next(self) -> str:
        if not self._turns:
            # A process is more often hit than a server that all of them wait for.
            self._turns = [*map(str, range(len(self._processes))), *self._servers]
            self._chance.shuffle(self._turns)
        return self._turns.pop()

    def _freezes(self) -> bool:
        return self._chance.random() < FREEZES

    def _bounce(self, name: str) -> None:
        if self._freezes():
            self._servers[name].pause()
            self.freezes += 1
            time.sleep(self._freeze_sec)
            self._servers[name].resume()
            return
        self._servers[name].kill()
        self.kills[name] += 1
        time.sleep(self._chance.uniform(*DOWN_SEC))
        self._servers[name].start()

    def _bring_up(self, process: CallsProcess) -> None:
        for _ in range(STARTS):
            if process.is_dead:
                process.start(wait=False)
                self.revived += 1
            try:
                process.wait_until_ready()
            except ServiceDied:
                process.kill()
            else:
                return
        process.wait_until_ready()

    def _revive(self) -> None:
        for process in self._processes:
            if process.is_dead:
                process.start(wait=False)
                self.revived += 1
