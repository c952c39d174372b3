"""What people would write instead: FastAPI's ``UploadFile``, with our promises: hashed, and synced to the disk.

``python -m benchmarks.upload_peer PORT FOLDER`` serves it.
"""

import hashlib
import os
import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI, UploadFile


def make_app(folder: Path) -> FastAPI:
    async def hello() -> dict[str, str]:
        return {"status": "alive"}

    def upload(file: UploadFile) -> dict[str, str]:
        digest, path = hashlib.sha256(), folder / os.urandom(8).hex()
        with path.open("wb") as copy:
            while piece := file.file.read(2**20):
                digest.update(piece)
                copy.write(piece)
            copy.flush()
            os.fsync(copy.fileno())
        return {"sha256": digest.hexdigest()}

    app = FastAPI()
    app.get("/hello")(hello)
    app.post("/upload")(upload)
    return app


if __name__ == "__main__":
    uvicorn.run(make_app(Path(sys.argv[2])), port=int(sys.argv[1]), log_level="warning", access_log=False)
