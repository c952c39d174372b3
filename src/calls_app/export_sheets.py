"""What lies in an archive beside the audio: composed here, because the core knows nothing of the wire."""

import csv
import io
from typing import Final

import msgspec

from calls_core.call import Call
from calls_core.findings import Transcript
from calls_core.ports import ExportSheets
from calls_core.recording import Recording
from calls_http import wire
from calls_http.export import COLUMNS, csv_row, safe_cell

WORDY: Final = frozenset({"transcript", "redaction"})
ABOUT_AUDIO: Final = ("audio", "filename", "size_bytes", "sha256", "transcript", "note")


class WireExportSheets(ExportSheets):
    def heading(self) -> bytes:
        return _csv((*COLUMNS, *ABOUT_AUDIO))

    def line(self, call: Call, recording: Recording | None, audio: str, transcript: str, note: str) -> bytes:
        about = (safe_cell(recording.filename), str(recording.size_bytes), recording.sha256) if recording else ("",) * 3
        return _csv((*csv_row(call), audio, *about, transcript, note))

    def metadata(self, call: Call, recording: Recording | None, *, with_words: bool) -> bytes:
        shown = wire.Recording.of(recording) if recording else None
        if shown is not None and not with_words:
            shown.transcription = None
            shown.findings = {name: found for name, found in shown.findings.items() if found["kind"] not in WORDY}
        return msgspec.json.encode({"call": wire.Call.of(call), "recording": shown}) + b"\n"

    def transcript(self, transcript: Transcript) -> bytes:
        return transcript.text.encode("utf-8", "replace") + b"\n"


def _csv(cells: tuple[str, ...]) -> bytes:
    line = io.StringIO(newline="")
    csv.writer(line).writerow(cells)
    return line.getvalue().encode("utf-8", "replace")
