"""Facts about a file, without a server, a database or a trace."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from uuid import uuid4

from calls_core.formats import clean_filename, media_type_of, require_bytes
from calls_core.ports import Analyzers, Clock
from calls_core.recording import CallId, Recording, RecordingId, Step
from calls_core.use_cases.run_step import Failed, Retry, RunStep


@dataclass(frozen=True, slots=True)
class AnalyzeFile:
    """Run every analyzer over a file, in their order."""

    run_step: RunStep
    analyzers: Analyzers
    clock: Clock

    async def __call__(
        self, path: Path, size_bytes: int, sha256: str, progress: Callable[[str, float], None]
    ) -> Recording:
        """Return a recording that is stored nowhere, with its steps and findings. There is one attempt and no more.

        *progress* is told the analyzer and how far it has come, from 0 to 1.

        Raises:
            UnsupportedExtension, EmptyRecording: by the name and size of the file.
        """
        filename = clean_filename(path.name)
        media_type = media_type_of(filename)
        require_bytes(size_bytes, filename)
        now = self.clock()
        plan = self.analyzers.plan
        recording = Recording(
            id=RecordingId(uuid4()),
            call_id=CallId(uuid4()),
            filename=filename,
            media_type=media_type,
            size_bytes=size_bytes,
            sha256=sha256,
            storage_key="",
            created_at=now,
            updated_at=now,
            steps=tuple(Step(analyzer=p.analyzer, version=p.version, after=p.after) for p in plan),
        )
        while step := recording.next_step():
            name = step.analyzer
            recording = recording.begin(name, self.clock())
            outcome = await self.run_step(step, path, filename, recording.findings, partial(progress, name))
            match outcome:
                case Failed(reason) | Retry(reason):
                    recording = recording.fail(name, reason, self.clock())
                    recording = recording.skip_orphans(self.clock(), self.analyzers.tolerant)
                case finding:
                    recording = recording.complete(name, finding, self.clock())
        return recording
