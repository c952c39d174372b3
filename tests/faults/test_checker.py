"""The checker must be believed only if it finds what is wrong: seeded bugs, and every place for a fault without any."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pytest

from tests.faults import seeded_bugs as bugs
from tests.faults.checker import check
from tests.faults.exploring import Explorer, Fault, Kind, explored
from tests.faults.history import Answer, CallRow, State, Upload
from tests.faults.small_world import Parts

pytestmark = pytest.mark.anyio

DIES: Final = (Kind.DIES_BEFORE, Kind.DIES_AFTER)
NO_ANSWER: Final = (Kind.NO_ANSWER_BUT_EFFECT,)
PAUSES: Final = (Kind.PAUSES,)


@dataclass(frozen=True, slots=True)
class Bug:
    """*shown* is the violation that the checker must name, *kinds* the faults that bring it about; none where
    the poison in the script is enough."""

    parts: Parts
    shown: str
    kinds: tuple[Kind, ...] = ()


BUGS: Final = {
    "answers before the bytes are synced": Bug(Parts(storage=bugs.AnswersBeforeSync), "lost"),
    "stores the hash of the first chunk": Bug(Parts(storage=bugs.HashesFirstChunk), "wrong_hash"),
    "loses the last byte": Bug(Parts(storage=bugs.LosesLastByte), "wrong_hash"),
    "deletes the bytes when the outcome is unknown": Bug(Parts(receive=bugs.DiscardsWhenUnknown), "lost", NO_ANSWER),
    "keeps an upload that it refused": Bug(Parts(receive=bugs.ComparesDigestTooLate), "unexpected"),
    "accepts bytes that were swept away": Bug(Parts(database=bugs.IgnoresHolds), "lost", PAUSES),
    "forgets the external_id": Bug(Parts(database=bugs.ForgetsExternalIds), "duplicated", NO_ANSWER),
    "commits the job after the recording": Bug(Parts(calls=bugs.StoresJobLater), "unfinished", DIES),
    "tells of a recording after the commit": Bug(Parts(calls=bugs.TellsLater), "lost", DIES),
    "leaves the bytes of an erased call": Bug(Parts(calls=bugs.ErasesRowsOnly), "leftover", DIES),
    "does not erase": Bug(Parts(calls=bugs.OnlyHides), "unexpected"),
    "has no fencing": Bug(Parts(jobs=bugs.NoFencing), "duplicated", PAUSES),
    "tells before it looks at its lease": Bug(Parts(jobs=bugs.TellsBeforeItLooks), "duplicated", PAUSES),
    "stores findings twice": Bug(Parts(jobs=bugs.StoresFindingsTwice), "duplicated"),
    "forgets the attempts": Bug(Parts(jobs=bugs.ForgetsAttempts), "unfinished"),
    "acknowledges first": Bug(Parts(jobs=bugs.AcknowledgesFirst), "unfinished"),
    "is ready without its findings": Bug(Parts(jobs=bugs.EndsCallOnly), "unfinished"),
    "ends the job before the call": Bug(Parts(jobs=bugs.EndsJobFirst), "unfinished", DIES),
    "drops a hold before its bytes": Bug(Parts(holds=bugs.ForgetsUploadsThatDied), "leftover", DIES),
    "lists a call on two pages": Bug(Parts(search=bugs.PagesOverlap), "duplicated"),
}


@pytest.fixture(autouse=True)
def quiet_log() -> Iterator[None]:
    """Thousands of outages need not be told."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("kind", Kind)
async def test_one_fault_at_any_call_of_any_adapter_violates_nothing(kind: Kind) -> None:
    """Wherever a process dies, stands still or gets no answer: nothing is lost, doubled, wrong or left lying about."""
    runs = 0
    async for fault, place, verdict in explored(Parts(), kind):
        assert not verdict.violations, (fault, place, verdict.violations)
        runs += 1
    assert runs > 100


@pytest.mark.parametrize("name", BUGS)
async def test_a_seeded_bug_is_named(name: str) -> None:
    """The checker names the violation that the bug brings about; without the bug the same run is clean."""
    bug = BUGS[name]
    shown_by: Fault | None = None
    async for fault, _place, verdict in explored(bug.parts, *bug.kinds):
        if verdict.violations:
            assert bug.shown in verdict.violations, verdict.violations
            shown_by = fault
            break
    else:
        pytest.fail("no run shows the bug")
    assert (shown_by is None) == (not bug.kinds), "it shows without the faults that it needs"
    assert not (await Explorer(Parts(), shown_by).run()).violations


def test_an_unanswered_upload_may_be_there_or_not() -> None:
    """No answer promises nothing, so neither outcome is a violation; that it is there is counted as recovered."""
    uploads = [Upload(key="there", sha256="a"), Upload(key="not there", sha256="b")]
    created = [CallRow("1", "there", "created", None)]

    verdict = check(uploads, State(calls=created, events=[]))

    assert (verdict.unknown, verdict.recovered) == (2, 1)
    assert verdict.violations == {"lost": ("call 1: the event call.created",)}


def test_figures_fit_into_one_line() -> None:
    """What a run came to can be read at a glance in a log."""
    verdict = check([Upload(key="gone", sha256="a", answer=Answer.ACCEPTED)], State())

    assert str(verdict) == (
        "1 accepted, 0 refused, 0 unanswered of which 0 recovered: "
        "1 lost, 0 duplicated, 0 wrong hashes, 0 unexpected, 0 unfinished, 0 left over"
    )
