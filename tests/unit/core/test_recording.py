"""Steps: their order, their ends, and running them again."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from calls_core.errors import Reason, UnknownAnalyzer
from calls_core.findings import Facts
from calls_core.recording import CallId, Recording, RecordingId, Step, StepPlan, StepStatus

NOW = datetime(2026, 1, 2, tzinfo=UTC)
WHY = Reason("because", "it did")
FACTS = Facts(values={"a": 1})


def a_recording(*steps: Step) -> Recording:
    return Recording(
        id=RecordingId(uuid4()),
        call_id=CallId(uuid4()),
        filename="a.wav",
        media_type="audio/wav",
        size_bytes=1,
        sha256="0" * 64,
        storage_key="k",
        created_at=NOW,
        updated_at=NOW,
        steps=steps,
    )


def step(name: str, *after: str) -> Step:
    return Step(analyzer=name, version="1", after=after)


def test_steps_wait_for_what_they_build_on() -> None:
    """A step comes after the ones it names, whatever their order in the list; absent ones hold nothing up."""
    recording = a_recording(step("rules", "words"), step("words", "signal", "absent"), step("signal"))
    order = []
    while found := recording.next_step():
        order.append(found.analyzer)
        recording = recording.begin(found.analyzer, NOW).complete(found.analyzer, FACTS, NOW)
    assert order == ["signal", "words", "rules"]
    assert recording.is_finished
    assert recording.failure is None


def test_what_builds_on_a_failed_step_is_skipped() -> None:
    """One failure skips all that needs it, and the failure names the step where it began."""
    recording = a_recording(step("signal"), step("words", "signal"), step("rules", "words"), step("other"))
    recording = recording.begin("signal", NOW).fail("signal", WHY, NOW).skip_orphans(NOW)
    assert [s.status for s in recording.steps] == ["failed", "skipped", "skipped", "pending"]
    assert recording.failure == Reason("because", "signal: it did")
    assert recording.steps[2].error is not None
    assert recording.steps[2].error.code == "needs-failed-step"


def test_a_tolerant_step_runs_on_what_there_is() -> None:
    """It waits for what it comes after, and is not skipped when that fails."""
    recording = a_recording(step("words"), step("rules", "words"), step("strict", "words"))
    recording = recording.begin("words", NOW).fail("words", WHY, NOW).skip_orphans(NOW, {"rules"})
    assert [s.status for s in recording.steps] == ["failed", "pending", "skipped"]
    following = recording.next_step()
    assert following is not None
    assert following.analyzer == "rules"


def test_steps_in_a_circle_are_nobodys_turn() -> None:
    """Two analyzers that wait for each other never run, and do not loop."""
    assert a_recording(step("a", "b"), step("b", "a")).next_step() is None


def test_a_postponed_step_is_left_out_of_this_attempt() -> None:
    """It stays pending with its reason and the moment of its next attempt."""
    later = NOW + timedelta(seconds=5)
    recording = a_recording(step("a"), step("b")).begin("a", NOW).postpone("a", WHY, later, NOW)
    following = recording.next_step({"a"})
    assert following is not None
    assert following.analyzer == "b"
    assert (recording.step("a").error, recording.step("a").next_attempt_at) == (WHY, later)
    assert recording.step("a").status is StepStatus.PENDING


def test_a_step_of_a_dead_worker_runs_again() -> None:
    """A step found running belongs to a worker that died, and its attempts go on counting."""
    recording = a_recording(step("a")).begin("a", NOW)
    again = recording.next_step()
    assert again is not None
    assert recording.begin("a", NOW).step("a").attempts == 2


def test_reset_runs_what_failed_and_what_is_new() -> None:
    """Without names, succeeded steps are left alone and newly configured analyzers join."""
    recording = a_recording(step("good"), step("bad")).begin("good", NOW).complete("good", FACTS, NOW)
    recording = recording.begin("bad", NOW).fail("bad", WHY, NOW)
    plan = [StepPlan(analyzer="bad", version="2"), StepPlan(analyzer="new", version="1", after=("good",))]
    reset = recording.reset(plan, [], NOW, force=False)
    assert [(s.analyzer, s.version, s.status) for s in reset.steps] == [
        ("good", "1", "done"),
        ("bad", "2", "pending"),
        ("new", "1", "pending"),
    ]
    assert reset.findings == {"good": FACTS}


def test_reset_runs_named_steps_with_force() -> None:
    """A step that is done runs again only when it is named or meant by force."""
    recording = a_recording(step("a"), step("b"))
    for name in ("a", "b"):
        recording = recording.begin(name, NOW).complete(name, FACTS, NOW)
    plan = [StepPlan(analyzer=name, version="1") for name in ("a", "b")]
    assert recording.reset(plan, ["a"], NOW, force=False).is_finished
    assert [s.status for s in recording.reset(plan, ["a"], NOW, force=True).steps] == ["pending", "done"]
    assert [s.status for s in recording.reset(plan, [], NOW, force=True).steps] == ["pending", "pending"]
    with pytest.raises(UnknownAnalyzer, match="this recording has a, b"):
        recording.reset(plan, ["c"], NOW, force=True)


def test_what_is_derived_runs_again_with_what_it_is_made_of() -> None:
    """Through every link of the chain, and nothing that may cost something."""
    names = {"words": (), "rules": ("words",), "score": ("rules",), "paid": ("words",)}
    recording = a_recording(*(step(name, *after) for name, after in names.items()))
    for name in names:
        recording = recording.begin(name, NOW).complete(name, FACTS, NOW)
    plan = [
        StepPlan(analyzer=name, version="1", after=after, derived=name in {"rules", "score"})
        for name, after in names.items()
    ]
    reset = recording.reset(plan, ["words"], NOW, force=True)
    assert [s.status for s in reset.steps] == ["pending", "pending", "pending", "done"]
    assert recording.reset(plan, ["words"], NOW, force=False).is_finished


def test_reset_leaves_retired_analyzers_alone() -> None:
    """Steps of analyzers that are not configured any more keep their finding, or are skipped; none of them fails."""
    recording = a_recording(step("kept"), step("failed"), step("here")).begin("kept", NOW).complete("kept", FACTS, NOW)
    recording = recording.begin("failed", NOW).fail("failed", WHY, NOW)
    reset = recording.reset([StepPlan(analyzer="here", version="1")], [], NOW, force=True)
    assert [s.status for s in reset.steps] == ["done", "skipped", "pending"]
    assert reset.failure is None
    assert reset.findings == {"kept": FACTS}
