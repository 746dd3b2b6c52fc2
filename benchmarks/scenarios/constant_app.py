"""The yardstick of the HTTP doors: the same framework and server, answering a constant."""

import sys

import uvicorn
from fastapi import FastAPI, Request, Response

app = FastAPI()
_ANSWER = b'{"outcome":"accepted"}'


@app.post("/v1/contributions", status_code=201)
async def answer(request: Request) -> Response:
    """Read the body and say the same as ever."""
    await request.body()
    return Response(_ANSWER, status_code=201, media_type="application/json")


@app.get("/v1/plans/{plan_id}")
async def read(plan_id: str) -> Response:  # noqa: ARG001 - the path has it
    """Say the same as ever."""
    return Response(_ANSWER, media_type="application/json")


if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        http="httptools",
        loop="uvloop",
        log_config=None,
        access_log=False,
        server_header=False,
    )
