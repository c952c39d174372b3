"""The aggregate and its transition table."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from calls_core.call import TRANSITIONS, Call, CallDetails, CallStatus
from calls_core.errors import Conflict, IllegalTransition, InvalidCall, Reason
from calls_core.findings import Facts
from calls_core.recording import CallId, Recording, RecordingId, Step

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def a_call(status: CallStatus = CallStatus.CREATED) -> Call:
    details = CallDetails.checked(caller="+7 900", receiver="101", started_at=NOW)
    return Call(id=CallId(uuid4()), details=details, created_at=NOW, updated_at=NOW, status=status)


def a_recording(call: Call, *analyzers: str) -> Recording:
    return Recording(
        id=RecordingId(uuid4()),
        call_id=call.id,
        filename="a.wav",
        media_type="audio/wav",
        size_bytes=1,
        sha256="0" * 64,
        storage_key="k",
        created_at=NOW,
        updated_at=NOW,
        steps=tuple(Step(analyzer=name, version="1") for name in analyzers or ("signal",)),
    )


def finished(call: Call, *, well: bool) -> Recording:
    begun = a_recording(call).begin("signal", NOW)
    return begun.complete("signal", Facts(values={}), NOW) if well else begun.fail("signal", Reason("x", "y"), NOW)


MOVES = {
    CallStatus.PROCESSING: lambda call: call.begin_processing(NOW),
    CallStatus.READY: lambda call: call.finish_processing(finished(call, well=True), NOW),
    CallStatus.FAILED: lambda call: call.finish_processing(finished(call, well=False), NOW),
}


def test_every_status_has_a_row() -> None:
    """A new status cannot be added without saying where it leads."""
    assert set(TRANSITIONS) == set(CallStatus)


@pytest.mark.parametrize("source", list(CallStatus))
@pytest.mark.parametrize("target", list(MOVES))
def test_only_listed_moves_are_legal(source: CallStatus, target: CallStatus) -> None:
    """The table is the whole truth: what it does not list is refused, and a move raises the version by one."""
    call = a_call(source)
    if target in TRANSITIONS[source]:
        moved = MOVES[target](call)
        assert (moved.status, moved.version) == (target, 1)
    else:
        with pytest.raises(Conflict):
            MOVES[target](call)


def test_tags_of_all_findings_are_put_on_the_call() -> None:
    """In the order of steps, each once, after the given ones, even when another step has failed; until found anew."""
    call = replace(a_call(CallStatus.PROCESSING), details=replace(a_call().details, tags=("b", "given")))
    recording = a_recording(call, "one", "two", "bad").fail("bad", Reason("x", "y"), NOW)
    found = recording.complete("two", Facts(values={}, tags=("c", "a")), NOW)
    found = found.complete("one", Facts(values={}, tags=("a", "b")), NOW)
    ended = call.finish_processing(found, NOW)
    assert (ended.status, ended.found_tags, ended.tags) == ("failed", ("a", "b", "c"), ("b", "given", "a", "c"))
    again = ended.begin_processing(NOW)
    assert again.tags == ended.tags
    assert again.finish_processing(found.complete("two", Facts(values={}), NOW), NOW).tags == ("b", "given", "a")


class CallLife(RuleBasedStateMachine):
    """Whatever is asked of a call, in whatever order, it is only ever in a status that the table leads to."""

    @initialize()
    def register(self) -> None:
        self.call = a_call()
        self.path = [CallStatus.CREATED]

    @rule(target_status=st.sampled_from(list(MOVES)))
    def move(self, target_status: CallStatus) -> None:
        try:
            moved = MOVES[target_status](self.call)
        except (Conflict, IllegalTransition):
            return
        self.call = moved
        self.path.append(moved.status)

    @invariant()
    def every_move_is_in_the_table(self) -> None:
        assert all(after in TRANSITIONS[before] for before, after in zip(self.path, self.path[1:], strict=False))

    @invariant()
    def a_reason_stands_beside_failed_and_only_there(self) -> None:
        assert (self.call.failure is not None) == (self.call.status is CallStatus.FAILED)

    @invariant()
    def the_version_counts_the_moves(self) -> None:
        assert self.call.version == len(self.path) - 1


TestCallLife = pytest.mark.thorough(CallLife.TestCase)


def test_times_come_out_in_utc() -> None:
    """An offset is understood and not kept."""
    local = datetime(2026, 1, 2, 6, 4, 5, tzinfo=timezone(timedelta(hours=3)))
    assert CallDetails.checked(caller="a", receiver="b", started_at=local).started_at.isoformat() == NOW.isoformat()


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"caller": "  "}, "/caller"),
        ({"caller": "x" * 65}, "/caller"),
        ({"receiver": "10\x001"}, "/receiver"),
        ({"receiver": "10\n1"}, "/receiver"),
        ({"started_at": NOW.replace(tzinfo=None)}, "/started_at"),
        ({"started_at": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))}, "/started_at"),
        ({"external_id": ""}, "/external_id"),
        ({"agent": "\ud800"}, "/agent"),
        ({"tags": ["ok", "x" * 65]}, "/tags/1"),
        ({"tags": [str(n) for n in range(33)]}, "/tags"),
        ({"metadata": {"a": "\x00"}}, "/metadata"),
        ({"metadata": {"\x00": 1}}, "/metadata"),
        ({"metadata": {"a": "x" * 16_384}}, "/metadata"),
        ({"metadata": {"a": float("nan")}}, "/metadata"),
        ({"metadata": {"a": [[[[[[[[[1]]]]]]]]]}}, "/metadata"),
    ],
)
def test_a_wrong_field_is_named(changed: dict[str, Any], pointer: str) -> None:
    """The refusal points at the field, so that a client can show it beside its form."""
    fields: dict[str, Any] = {"caller": "a", "receiver": "b", "started_at": NOW} | changed
    with pytest.raises(InvalidCall) as refused:
        CallDetails.checked(**fields)
    assert pointer in [error.pointer for error in refused.value.errors]


@pytest.mark.thorough
@given(st.dictionaries(st.text(), st.recursive(st.none() | st.text() | st.floats(allow_nan=False), st.lists)))
def test_checking_never_fails_otherwise(metadata: dict[str, object]) -> None:
    """Whatever JSON comes as metadata is either accepted as it is or refused by name."""
    try:
        details = CallDetails.checked(caller="a", receiver="b", started_at=NOW, metadata=metadata)
    except InvalidCall as refused:
        pointers = {error.pointer for error in refused.errors}
    else:
        pointers = {"/metadata"}
        assert details.metadata == metadata
    assert pointers == {"/metadata"}


def test_what_was_measured_is_kept_when_a_step_fails() -> None:
    """A failed call still tells its duration, if one step could measure it."""
    call = a_call(CallStatus.PROCESSING)
    failed = call.finish_processing(finished(call, well=False), NOW)
    assert failed.duration_sec is None
    assert failed.failure == Reason("x", "signal: y")
    assert replace(failed, failure=None).failure is None
