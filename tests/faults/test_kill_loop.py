"""kill -9 of the whole service, again and again, in the middle of everything."""

import random
import threading
import time
from pathlib import Path
from typing import Final

from tests.faults.history import History, check
from tests.servers.service import Service

AUDIO: Final = Path(__file__).parents[1] / "e2e" / "beep.wav"
UPLOADS: Final = 50
CLIENTS: Final = 4


def test_killed_at_any_moment_of_fifty_uploads(service: Service) -> None:
    """The server is killed at random moments and started again while four clients upload: nothing accepted is lost."""
    seed = time.time_ns() % 1_000_000
    chance = random.Random(seed)
    history = History()
    numbers = iter(range(1_000_000))
    done = threading.Event()

    def upload() -> None:
        while len(history.accepted) < UPLOADS and not done.is_set():
            with service.client() as client:
                number = next(numbers)
                history.upload(client, AUDIO.read_bytes() + number.to_bytes(4, "big"), f"call-{number}")
            if service.is_dead:
                time.sleep(0.05)

    clients = [threading.Thread(target=upload) for _ in range(CLIENTS)]
    service.start()
    try:
        for client in clients:
            client.start()
        kills = 0
        while len(history.accepted) < UPLOADS:
            time.sleep(chance.uniform(0.05, 1.5))
            service.kill()
            kills += 1
            service.start()
        done.set()
        for client in clients:
            client.join()
        print(f"seed {seed}: {kills} kills, {len(history.accepted)} accepted, {history.unknown} unanswered")
        check(service, history)
    finally:
        done.set()
        service.kill()
