"""The bad network itself: a test that trusts it must know that it does what it says."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.servers.proxy import Proxy, Weather


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of a server that sends back what it is sent."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve(connection: socket.socket) -> None:
            with connection:
                try:
                    while data := connection.recv(65536):
                        connection.sendall(data)
                except OSError:
                    return

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def proxy(echo: int) -> Iterator[Proxy]:
    with Proxy(echo) as running:
        yield running


@pytest.fixture
def client(proxy: Proxy) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as connection:
        yield connection


def answered(client: socket.socket, data: bytes) -> bytes:
    client.sendall(data)
    received = b""
    while len(received) < len(data):
        piece = client.recv(65536)
        if not piece:
            break
        received += piece
    return received


def test_fine_weather_changes_nothing(client: socket.socket) -> None:
    """More bytes than any buffer holds come back as they were sent."""
    assert answered(client, bytes(200_000)) == bytes(200_000)


def test_a_connection_is_reset_after_so_many_bytes(proxy: Proxy, client: socket.socket) -> None:
    """Not closed in order: the client is told that the connection broke."""
    proxy.change(Weather(up=10))

    with pytest.raises(ConnectionResetError):
        assert answered(client, bytes(100)) == bytes(100)
    assert proxy.resets == 1


def test_an_answer_is_lost_after_a_phrase(proxy: Proxy, client: socket.socket) -> None:
    """What is asked before the phrase is answered; the answer to the phrase never comes; then all is well again."""
    proxy.change(Weather(phrase=b"COMMIT", once=True))

    assert answered(client, b"BEGIN") == b"BEGIN"
    with pytest.raises(ConnectionResetError):
        answered(client, b"COMMIT")
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as again:
        assert answered(again, b"COMMIT") == b"COMMIT"


def test_a_frozen_network_keeps_everything_until_it_heals(proxy: Proxy, client: socket.socket) -> None:
    """Bytes wait as in a network that is cut, and none is lost."""
    proxy.change(Weather(frozen=True))
    client.sendall(b"late")
    client.settimeout(0.1)
    with pytest.raises(TimeoutError):
        client.recv(4)

    proxy.heal()
    client.settimeout(5)

    assert client.recv(4) == b"late"


def test_a_slow_network_takes_its_time(proxy: Proxy, client: socket.socket) -> None:
    """Bytes that need half a second by their number take it, or nearly."""
    proxy.change(Weather(slow=100_000))
    began = time.monotonic()

    assert answered(client, bytes(50_000)) == bytes(50_000)

    assert time.monotonic() - began > 0.3


def test_new_connections_are_refused(proxy: Proxy) -> None:
    """As where nobody listens."""
    proxy.change(Weather(refusing=True))

    with pytest.raises(ConnectionError):
        asked_anew(proxy)


def asked_anew(proxy: Proxy) -> bytes:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as connection:
        return answered(connection, b"x")
