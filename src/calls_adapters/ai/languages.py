"""Languages as services name them: OpenAI answers with Whisper's English names, others with ISO 639 codes."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_TAG: Final = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*", re.IGNORECASE)

# https://github.com/openai/whisper/blob/main/whisper/tokenizer.py, LANGUAGES
_WHISPER: Final = """
en english zh chinese de german es spanish ru russian ko korean fr french ja japanese pt portuguese tr turkish pl polish
ca catalan nl dutch ar arabic sv swedish it italian id indonesian hi hindi fi finnish vi vietnamese he hebrew
uk ukrainian el greek ms malay cs czech ro romanian da danish hu hungarian ta tamil no norwegian th thai ur urdu
hr croatian bg bulgarian lt lithuanian la latin mi maori ml malayalam cy welsh sk slovak te telugu fa persian
lv latvian bn bengali sr serbian az azerbaijani sl slovenian kn kannada et estonian mk macedonian br breton eu basque
is icelandic hy armenian ne nepali mn mongolian bs bosnian kk kazakh sq albanian sw swahili gl galician mr marathi
pa punjabi si sinhala km khmer sn shona yo yoruba so somali af afrikaans oc occitan ka georgian be belarusian tg tajik
sd sindhi gu gujarati am amharic yi yiddish lo lao uz uzbek fo faroese ps pashto tk turkmen nn nynorsk mt maltese
sa sanskrit lb luxembourgish my myanmar bo tibetan tl tagalog mg malagasy as assamese tt tatar haw hawaiian ln lingala
ha hausa ba bashkir jw javanese su sundanese yue cantonese
""".split()  # noqa: SIM905 (two hundred lines otherwise)
_TAGS: Final[Mapping[str, str]] = MappingProxyType(
    dict(zip(_WHISPER[1::2], _WHISPER[::2], strict=True)) | {"javanese": "jv", "haitian creole": "ht"}
)


def tag_of(language: str | None) -> str | None:
    """Return the BCP 47 tag of a language, None if we do not know it."""
    name = (language or "").strip()
    if (tag := _TAGS.get(name.lower())) is not None:
        return tag
    return name if _TAG.fullmatch(name) and len(name) <= 35 else None  # noqa: PLR2004 (RFC 5646, 4.4.1)
