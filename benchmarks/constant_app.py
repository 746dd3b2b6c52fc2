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


if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_config=None,
        access_log=False,
        server_header=False,
    )
