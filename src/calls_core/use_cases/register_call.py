"""New calls, and whether they are accepted at the moment."""

from dataclasses import dataclass, replace

from calls_core.call import Call, CallDetails
from calls_core.errors import ExternalIdTaken
from calls_core.events import Event, EventId, EventType
from calls_core.ports import Answer, Answering, CallRepository, Clock, IntakeState, IntakeSwitch, NewId
from calls_core.recording import CallId
from calls_core.use_cases.answer_once import require_same


@dataclass(frozen=True, slots=True)
class Registered:
    """*is_new* is false when the same call was registered before; *answer* is what was kept for repetitions."""

    call: Call
    is_new: bool
    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class ControlIntake:
    """Read and turn the switch that stops new calls from being accepted."""

    switch: IntakeSwitch

    async def state(self) -> IntakeState:
        return await self.switch.state()

    async def set(self, state: IntakeState) -> IntakeState:
        await self.switch.set(state)
        return state

    async def require_open(self) -> None:
        """Return when new calls are accepted.

        Raises:
            IntakePaused: somebody has paused the intake.
        """
        (await self.switch.state()).require_open()


@dataclass(frozen=True, slots=True)
class RegisterCall:
    """Store the details of a call, once."""

    calls: CallRepository
    clock: Clock
    new_id: NewId

    async def __call__(self, details: CallDetails) -> Registered:
        """Return the new call, or the one that was registered before with the same ``external_id`` and content.

        Raises:
            ExternalIdTaken: the ``external_id`` belongs to a call with other content.
            IntakePaused: new calls are not accepted.
        """
        call = new_call(details, self.clock, self.new_id)
        return same_or_refused(call, await self.calls.add(call, [created(call, self.new_id)]))

    async def once(self, details: CallDetails, answering: Answering[Call]) -> Registered | Answer:
        """Do so, and keep the answer; return the one that was given before, if the request is a repetition.

        Raises:
            ExternalIdTaken, IntakePaused: as above; nothing is kept then.
            IdempotencyKeyInUse: a request with the key is being answered.
            IdempotencyKeyReused: the key came with another request.
        """
        call = new_call(details, self.clock, self.new_id)
        keyed = answering(call)
        stored = await self.calls.add_once(call, [created(call, self.new_id)], keyed)
        if isinstance(stored, Answer):
            require_same(stored, keyed.answer.payload_sha256)
            return stored
        registered = same_or_refused(call, stored)
        return replace(registered, answer=keyed.answer) if registered.is_new else registered


def new_call(details: CallDetails, clock: Clock, new_id: NewId) -> Call:
    now = clock()
    return Call(id=CallId(new_id()), details=details, created_at=now, updated_at=now)


def created(call: Call, new_id: NewId) -> Event:
    return Event(id=EventId(new_id()), type=EventType.CALL_CREATED, call_id=call.id, occurred_at=call.created_at)


def same_or_refused(offered: Call, stored: Call) -> Registered:
    """Tell whether *stored*, what a repository returned for *offered*, is the same call.

    Raises:
        ExternalIdTaken: it is another one.
    """
    if stored.id == offered.id:
        return Registered(stored, is_new=True)
    require_same_details(offered.details, stored)
    return Registered(stored, is_new=False)


def require_same_details(offered: CallDetails, holder: Call) -> None:
    """Return if *holder* of the ``external_id`` that is *offered* was registered with the same fields.

    Raises:
        ExternalIdTaken: they differ.
    """
    if holder.details != offered:
        msg = f"external_id {offered.external_id!r} belongs to call {holder.id}, whose fields differ"
        raise ExternalIdTaken(msg)
