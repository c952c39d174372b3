"""For the tests of plugins: sounds made of nothing, a decoder that lends them, and what every analyzer must keep to.

Nothing here needs FFmpeg, a service, a database or pytest. A test of an analyzer begins with::

    from calls_core.testing import AnalyzerContract, offered

    class TestMine(AnalyzerContract):
        def analyzer(self):
            [mine] = offered(my_plugin)
            return mine
"""

from calls_core.testing.contract import AnalyzerContract
from calls_core.testing.lending import FakeDecoder, found, lent, offered
from calls_core.testing.measuring import signal_in
from calls_core.testing.sounds import Sound, silence, speech_like, stereo, tone

__all__ = [
    "AnalyzerContract",
    "FakeDecoder",
    "Sound",
    "found",
    "lent",
    "offered",
    "signal_in",
    "silence",
    "speech_like",
    "stereo",
    "tone",
]
