"""What counts as a pause, as an interruption, as dead air."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Definitions:
    """The thresholds, in seconds and decibels.

    Speech is what the detector of WebRTC finds, as talkspurts: shorter pauses than *pause_sec* are filled in, and what
    is then shorter than *shortest_speech_sec* is thrown away, after P. T. Brady, "A statistical analysis of on-off
    patterns in 16 conversations" (Bell System Technical Journal 47, 1968), who filled 200 ms and threw away 15 ms; a
    detector that decides every 30 ms needs more. Sound below *quietest_speech_dbfs* is no speech.

    An utterance is a side's talkspurts with pauses below *utterance_pause_sec*. It is short up to
    *short_utterance_sec*, after the "very short utterances" of J. Edlund et al. (Proc. Fonetik, 2010).

    An interruption begins while the other side talks, has done so for *interruption_margin_sec* and will for as long
    again. Less is the brief overlap of a change of turns, which is no interruption, nor are "continuers" such as
    "mhm": E. Schegloff, "Overlapping talk and the organization of turn-taking" (Language in Society 29, 2000).

    Dead air is silence on all channels of at least *dead_air_sec*.
    """

    pause_sec: float = 0.2
    shortest_speech_sec: float = 0.1
    quietest_speech_dbfs: float = -55.0
    utterance_pause_sec: float = 0.5
    short_utterance_sec: float = 1.0
    interruption_margin_sec: float = 0.5
    dead_air_sec: float = 3.0
