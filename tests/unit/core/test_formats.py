"""Which files are taken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls_core.errors import EmptyRecording, UnsupportedExtension
from calls_core.formats import FILENAME_LIMIT, MEDIA_TYPES, clean_filename, media_type_of, require_bytes


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("call.wav", "call.wav"),
        ("../../etc/passwd.wav", "passwd.wav"),
        ("C:\\calls\\one.wav", "one.wav"),
        ("a\x00b\r\nc.wav", "abc.wav"),
        ("\u202egnp.wav", "gnp.wav"),
        ("\ud800x.wav", "x.wav"),
        ("x" * 300 + ".wav", "x" * (FILENAME_LIMIT - 4) + ".wav"),
        ("звонок 1.WAV", "звонок 1.WAV"),
    ],
)
def test_names_are_cleaned(sent: str, kept: str) -> None:
    """What would hurt a terminal, a header or a path is gone, and the extension is kept."""
    assert clean_filename(sent) == kept


@given(st.text())
def test_cleaning_gives_a_plain_name_or_refuses(name: str) -> None:
    """No client can make a name with folders, control characters or more than 255 characters."""
    try:
        kept = clean_filename(name)
    except UnsupportedExtension:
        return
    assert kept.isprintable()
    assert not set("/\\") & set(kept)
    assert 0 < len(kept) <= FILENAME_LIMIT


@pytest.mark.parametrize("name", ["a.txt", "wav", ".wav", "a.", "a.wav.exe"])
def test_other_extensions_are_refused_with_the_list(name: str) -> None:
    """The refusal says what is accepted."""
    with pytest.raises(UnsupportedExtension) as refused:
        media_type_of(name)
    assert all(f".{extension}" in str(refused.value) for extension in MEDIA_TYPES)


def test_an_empty_file_is_refused() -> None:
    """No bytes are no recording."""
    require_bytes(1, "a.wav")
    with pytest.raises(EmptyRecording):
        require_bytes(0, "a.wav")
