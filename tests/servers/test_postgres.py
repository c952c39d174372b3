from collections.abc import Iterator

import pytest

from tests.servers.postgres import PostgresServer

pytestmark = pytest.mark.requires("postgres")


def test_every_test_gets_an_empty_database(postgres_server: PostgresServer, postgres_url: str) -> None:
    """What one test leaves behind no other test sees."""
    tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"

    assert postgres_server.execute(tables, postgres_url) == "0"


def test_a_copy_has_what_its_template_had(postgres_server: PostgresServer, postgres_url: str) -> None:
    """Migrations need to run only once: each test may start from a copy."""
    postgres_server.execute("CREATE TABLE calls AS SELECT 7 AS id", postgres_url)

    copy = postgres_server.create_database(template=postgres_url)

    assert postgres_server.execute("SELECT id FROM calls", copy) == "7"
    postgres_server.drop_database(copy)


def test_text_is_searched_as_people_write_it(postgres_server: PostgresServer, postgres_url: str) -> None:
    """Trigrams are there, and capitals of every alphabet are known."""
    postgres_server.execute("CREATE EXTENSION pg_trgm", postgres_url)

    assert postgres_server.execute("SELECT lower('ПРИВЕТ')", postgres_url) == "привет"
    assert float(postgres_server.execute("SELECT similarity('звонок', 'звонки')", postgres_url)) > 0.3


@pytest.fixture
def durable_server() -> Iterator[PostgresServer]:
    with PostgresServer(durable=True) as server:
        yield server


def test_what_was_committed_outlives_a_crash(durable_server: PostgresServer) -> None:
    """A killed server comes back at the same address with all that it had confirmed."""
    url = durable_server.create_database()
    durable_server.execute("CREATE TABLE calls AS SELECT 7 AS id", url)

    durable_server.kill()
    durable_server.start()

    assert durable_server.execute("SHOW fsync", url) == "on"
    assert durable_server.execute("SELECT id FROM calls", url) == "7"
