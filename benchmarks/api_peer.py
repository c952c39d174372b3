"""What people would write instead: FastAPI, pydantic and SQLAlchemy's ORM over the same table ``calls``.

Written as the documentation of the three has it (https://docs.sqlalchemy.org/en/20/orm/extensions/asyncio.html), one
session for each request, without events, search keys and retries; with ``Keeps-Keys: true`` it keeps the answer under
the ``Idempotency-Key``, as we always do. ``python -m benchmarks.api_peer PORT URL`` serves it.
"""

import hashlib
import json
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID, uuid4

import uvicorn
from fastapi import Depends, FastAPI, Header, HTTPException, Query, Response
from pydantic import BaseModel, ConfigDict, Field, field_validator
from sqlalchemy import BigInteger, DateTime, Text, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Table(DeclarativeBase):
    type_annotation_map: Final = {str: Text, datetime: DateTime(timezone=True)}


class CallRow(Table):
    __tablename__ = "calls"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    caller: Mapped[str]
    receiver: Mapped[str]
    started_at: Mapped[datetime]
    external_id: Mapped[str | None]
    direction: Mapped[str | None]
    agent: Mapped[str | None]
    tags: Mapped[str] = mapped_column(default="[]")
    details: Mapped[str] = mapped_column("metadata", default="{}")
    status: Mapped[str] = mapped_column(default="created")
    duration_sec: Mapped[float | None]
    silence_sec: Mapped[float | None]
    failure_code: Mapped[str | None]
    failure_detail: Mapped[str | None]
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=lambda: datetime.now(UTC))
    updated_at: Mapped[datetime] = mapped_column(default=lambda: datetime.now(UTC))


class KeyRow(Table):
    __tablename__ = "idempotency_keys"

    owner: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    token: Mapped[int] = mapped_column(BigInteger)
    until: Mapped[datetime]
    payload_sha256: Mapped[str | None]
    status: Mapped[int | None]
    location: Mapped[str | None]
    body: Mapped[str | None]
    call_id: Mapped[UUID | None]

    @classmethod
    def of(cls, row: CallRow, key: str | None, payload: str) -> "KeyRow":
        return cls(
            owner="anybody",
            key=key,
            token=secrets.randbits(62),
            until=datetime.now(UTC) + timedelta(days=1),
            payload_sha256=payload,
            status=201,
            location=f"/calls/{row.id}",
            body=Call.model_validate(row).model_dump_json(),
            call_id=row.id,
        )

    def again(self, payload: str) -> Response:
        if payload != self.payload_sha256:
            raise HTTPException(422)
        return Response(self.body, self.status or 201, {"Location": self.location or ""}, "application/json")


class NewCall(BaseModel):
    model_config = ConfigDict(extra="forbid")

    caller: str = Field(min_length=1, max_length=64)
    receiver: str = Field(min_length=1, max_length=64)
    started_at: datetime
    external_id: str | None = Field(default=None, max_length=255)
    direction: str | None = None
    agent: str | None = None
    tags: list[str] = []
    metadata: dict[str, Any] = {}


class Call(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    caller: str
    receiver: str
    started_at: datetime
    status: str
    created_at: datetime
    updated_at: datetime
    external_id: str | None
    direction: str | None
    agent: str | None
    tags: list[str]
    metadata: dict[str, Any] = Field(validation_alias="details")
    duration_sec: float | None
    failure_code: str | None
    failure_detail: str | None

    @field_validator("tags", "metadata", mode="before")
    @classmethod
    def decoded(cls, value: str) -> object:
        return json.loads(value)


class CallPage(BaseModel):
    total: int
    items: list[Call]


def make_app(url: str) -> FastAPI:
    engine = create_async_engine(url, pool_size=10, max_overflow=0)
    sessions = async_sessionmaker(engine, expire_on_commit=False)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await engine.dispose()

    async def session() -> AsyncIterator[AsyncSession]:
        async with sessions() as opened:
            yield opened

    async def register(
        data: NewCall,
        response: Response,
        db: Annotated[AsyncSession, Depends(session)],
        idempotency_key: Annotated[str | None, Header()] = None,
        keeps_keys: Annotated[bool, Header()] = False,  # noqa: FBT002 (as FastAPI has it)
    ) -> Call | Response:
        payload = hashlib.sha256(data.model_dump_json().encode()).hexdigest() if keeps_keys else ""
        if keeps_keys and (kept := await db.get(KeyRow, ("anybody", idempotency_key))):
            return kept.again(payload)
        row = CallRow(
            **data.model_dump(exclude={"tags", "metadata"}),
            tags=json.dumps(data.tags),
            details=json.dumps(data.metadata),
        )
        db.add(row)
        if keeps_keys:
            await db.flush()
            key = KeyRow.of(row, idempotency_key, payload)
            db.add(key)
            await db.commit()
            return key.again(payload)
        await db.commit()
        response.headers["Location"] = f"/calls/{row.id}"
        return Call.model_validate(row)

    async def get(call_id: UUID, db: Annotated[AsyncSession, Depends(session)]) -> Call:
        row = await db.get(CallRow, call_id)
        if row is None:
            raise HTTPException(404)
        return Call.model_validate(row)

    async def find(
        db: Annotated[AsyncSession, Depends(session)],
        query: str | None = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        offset: int = 0,
    ) -> CallPage:
        page = select(CallRow).order_by(CallRow.started_at.desc(), CallRow.id.desc()).limit(limit).offset(offset)
        count = select(func.count()).select_from(CallRow)
        if query:
            fits = or_(
                CallRow.caller.icontains(query, autoescape=True), CallRow.receiver.icontains(query, autoescape=True)
            )
            page, count = page.where(fits), count.where(fits)
        rows = (await db.scalars(page)).all()
        return CallPage(total=await db.scalar(count) or 0, items=[Call.model_validate(row) for row in rows])

    app = FastAPI(lifespan=lifespan)
    app.post("/calls", status_code=201, response_model=Call)(register)
    app.get("/calls/{call_id}")(get)
    app.get("/calls")(find)
    return app


if __name__ == "__main__":
    uvicorn.run(make_app(sys.argv[2]), port=int(sys.argv[1]), log_level="warning", access_log=False)
