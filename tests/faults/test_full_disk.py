"""A disk that is full: nothing half stays, the service lives, and goes on when there is space again."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.faults.clients import Clients
from tests.faults.conftest import Stacks
from tests.faults.history import Answer
from tests.faults.observing import settled
from tests.servers.disk import fill, small_disk
from tests.servers.service import Service

pytestmark = pytest.mark.requires("tmpfs")

AUDIO: Final = Path(__file__).parents[1] / "e2e" / "beep.wav"
MIB: Final = 1024**2


def went_well(service: Service, clients: Clients, database_url: str, files: Callable[[], dict[str, str]]) -> None:
    with service.client() as client:
        verdict = settled(clients.uploads, client, database_url, files)
    assert not verdict.violations, (verdict.violations, service.log.read_text()[-4000:])
    assert not clients.unclear


def test_no_space_for_recordings(stacks: Stacks, tmp_path: Path) -> None:
    """Uploads are refused with what to do until there is space; what was accepted before is untouched."""
    stack = stacks()
    clients = Clients(lambda _number: service.client())
    audio = AUDIO.read_bytes() + bytes(MIB // 2)
    with (
        small_disk(tmp_path / "recordings", 4 * MIB),
        Service(tmp_path, stack.database_url, **stack.variables) as service,
    ):
        answers = [clients.upload(f"call-{number}", audio + bytes([number])).answer for number in range(10)]
        assert answers.count(Answer.ACCEPTED) in range(5, 8)
        assert set(answers) == {Answer.ACCEPTED, Answer.UNKNOWN}
        with service.client() as client:
            fields = {"caller": "a", "receiver": "b", "started_at": "2026-01-01T00:00:00Z"}
            refused = client.post("/calls/ingest", data=fields, files={"file": ("a.wav", audio)})
            assert refused.status_code == 503
            assert "retry-after" in refused.headers
            assert "free some space" in refused.json()["detail"]
            client.delete(f"/calls/{clients.uploads[0].call_id}").raise_for_status()
        clients.uploads[0].answer = Answer.ERASED

        assert clients.upload("later", audio, tries=20).answer is Answer.ACCEPTED
        went_well(service, clients, stack.database_url, stack.files)


def test_no_space_for_the_database(stacks: Stacks, tmp_path: Path) -> None:
    """Nothing is accepted that cannot be committed, and SQLite goes on where it was when there is space again."""
    stack = stacks()
    clients = Clients(lambda _number: service.client())
    with small_disk(tmp_path / "database", 8 * MIB) as disk:
        url = f"sqlite:///{disk / 'calls.db'}"
        with Service(tmp_path, url, **stack.variables) as service:
            assert clients.upload("before", AUDIO.read_bytes()).answer is Answer.ACCEPTED
            filler = fill(disk)
            # What SQLite has allocated already takes a few more.
            number = 0
            while clients.upload(f"call-{number}", AUDIO.read_bytes(), at_once=False).answer is Answer.ACCEPTED:
                number += 1
                assert number < 200
            with service.client() as client:
                refused = client.post(
                    "/calls", json={"caller": "a", "receiver": "b", "started_at": "2026-01-01T00:00:00Z"}
                )
                assert refused.status_code == 503
                assert "free some space" in refused.json()["detail"]
            filler.unlink()

            assert clients.upload("after", AUDIO.read_bytes() + b"!", tries=20).answer is Answer.ACCEPTED
            went_well(service, clients, url, stack.files)
