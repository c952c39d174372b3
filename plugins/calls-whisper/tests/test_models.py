"""Models that are there, missing or broken, and one model for all."""

import asyncio
import threading
from pathlib import Path

import numpy as np
import pytest
from calls_core.errors import Unavailable
from calls_whisper import WhisperSettings
from calls_whisper.engine import ModelUnavailable, is_squeezed, load_engine
from calls_whisper.sharing import SharedEngine
from calls_whisper.speech import Engine, HeardWord, Samples, Written
from threadpoolctl import threadpool_info

pytestmark = pytest.mark.anyio


class Silent(Engine):
    def speech(self, samples: Samples) -> list[tuple[int, int]]:
        return []

    def write_down(self, samples: Samples, language: str | None) -> Written:
        return Written((), {})


async def test_concurrent_steps_share_one_model() -> None:
    """Ten steps at once load once, take turns, and never run in the thread of the event loop."""
    loads: list[int] = []
    threads: set[int] = set()
    inside = 0

    def load() -> Engine:
        loads.append(1)
        return Silent()

    def work(_engine: Engine) -> None:
        nonlocal inside
        threads.add(threading.get_ident())
        inside += 1
        assert inside == 1
        inside -= 1

    shared = SharedEngine(load)
    await asyncio.gather(*(shared.run(work) for _step in range(10)))
    assert len(loads) == len(threads) == 1
    assert threading.get_ident() not in threads


def test_numpy_works_in_one_thread_beside_the_model(model: Path) -> None:
    """Several threads of OpenBLAS may wait for each other for ever on a machine under load."""
    load_engine(WhisperSettings(model=str(model)))
    assert {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"} == {1}


async def test_a_model_that_comes_later_is_found() -> None:
    """A load that failed is tried again by the next step, so that putting the model there is enough."""
    results: list[Exception | Engine] = [ModelUnavailable("missing"), Silent()]

    def load() -> Engine:
        result = results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    shared = SharedEngine(load)
    with pytest.raises(ModelUnavailable):
        await shared.run(lambda engine: engine)
    assert isinstance(await shared.run(lambda engine: engine), Silent)


async def test_cancelled_work_that_waits_is_dropped() -> None:
    """Work that waits for its turn never runs once it is cancelled; work that had begun ends."""
    shared = SharedEngine(Silent)
    begun, go = threading.Event(), threading.Event()
    ran: list[str] = []

    def first(_engine: Engine) -> None:
        begun.set()
        go.wait(10)
        ran.append("first")

    one = asyncio.create_task(shared.run(first))
    two = asyncio.create_task(shared.run(lambda _engine: ran.append("second")))
    await asyncio.to_thread(begun.wait, 10)
    two.cancel()
    with pytest.raises(asyncio.CancelledError):
        await two
    go.set()
    await one
    assert await shared.run(lambda _engine: list(ran)) == ["first"]


def test_a_missing_model_says_how_to_get_one() -> None:
    """What is missing is an outage with a code, which is retried; nothing is asked of the network."""
    with pytest.raises(ModelUnavailable, match="name its folder, or set CALLS_WHISPER_DOWNLOAD=true") as caught:
        load_engine(WhisperSettings(model="nobody/no-such-model"))
    assert isinstance(caught.value, Unavailable)
    assert caught.value.reason.code == "whisper-model-unavailable"


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("/no/such/folder", "there is no folder /no/such/folder"),
        ("gigantic", "'gigantic' is no folder and no model's name; the names are tiny.en, tiny"),
    ],
)
def test_a_wrong_name_says_which_are_right(model: str, says: str) -> None:
    """Whoever mistypes a model need not look the names up."""
    with pytest.raises(ModelUnavailable, match=says):
        load_engine(WhisperSettings(model=model))


def test_a_folder_without_a_model_names_what_is_missing(tmp_path: Path) -> None:
    """Among others the tokenizer, which the library would else look for on the network."""
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(
        ModelUnavailable, match=r"holds no model\.bin and no tokenizer\.json; it must be a Whisper model"
    ):
        load_engine(WhisperSettings(model=str(tmp_path)))


@pytest.mark.parametrize("broken", ["model.bin", "tokenizer.json"])
def test_a_broken_model_is_refused(tmp_path: Path, model: Path, broken: str) -> None:
    """A download that was cut off ends in a reason, not in a crash."""
    for file in model.iterdir():
        if file.name == broken:
            (tmp_path / file.name).write_bytes(file.read_bytes()[:1000])
        else:
            (tmp_path / file.name).symlink_to(file)
    with pytest.raises(ModelUnavailable, match=f"{tmp_path.name} cannot be"):
        load_engine(WhisperSettings(model=str(tmp_path)))


def test_a_language_that_the_model_does_not_know_is_refused(model: Path) -> None:
    """Better no transcript than Russian written down as English."""
    with pytest.raises(ModelUnavailable, match="does not know 'ru'; it knows en"):
        load_engine(WhisperSettings(model=str(model), language="ru"))


async def test_noise_is_not_speech(engine: SharedEngine) -> None:
    """The speech detector lets no noise through to the model."""
    noise = np.random.default_rng(1).standard_normal(5 * 16_000).astype(np.float32) / 10
    assert await engine.run(lambda loaded: loaded.speech(noise)) == []


def test_text_without_sound_of_its_own_is_made_up() -> None:
    """Words that share one moment are a guess; a few short ones among others are not."""
    assert is_squeezed([HeardWord("a", 0, 1), HeardWord("b", 1, 1), HeardWord("c", 1, 1)])
    assert not is_squeezed([HeardWord("a", 0, 1), HeardWord("b", 1, 1), HeardWord("c", 1, 2), HeardWord("d", 2, 3)])
    assert not is_squeezed([HeardWord("yes", 1, 1)])
