"""Contributes over HTTP, and sends again what may be sent again.

    CAREPLAN_TOKEN=… python contribute_http.py http://127.0.0.1:8105 contributions.json

The address is that of the section. Needs httpx. Ends with 0 where each was accepted, 1 where one
was refused, 2 where one has no answer; send those again as they are.
"""

import json
import os
import sys
import time
from pathlib import Path

import httpx

TRIES = 10
SENT_AGAIN_AFTER = 1  # seconds


def contribute(client, contribution):
    """The receipt, or the problem where no receipt is kept; None where nobody answered."""
    body = json.dumps(contribution).encode()  # the same bytes each time
    for _ in range(TRIES):
        try:
            told = client.post("/v1/contributions", content=body).json()
        except (httpx.TransportError, ValueError):  # nobody answers, or a proxy for nobody
            time.sleep(SENT_AGAIN_AFTER)  # it may have been recorded: the same id finds out
            continue
        if not told.get("retryable"):
            return told.get("receipt", told)
        time.sleep(SENT_AGAIN_AFTER)
    return None


def main(address, file):
    given = json.loads(sys.stdin.read() if file == "-" else Path(file).read_text())
    headers = {
        "Authorization": f"Bearer {os.environ['CAREPLAN_TOKEN']}",
        "Content-Type": "application/json",
    }
    status = 0
    with httpx.Client(base_url=address, headers=headers, timeout=15, trust_env=False) as client:
        for contribution in given if isinstance(given, list) else [given]:
            told = contribute(client, contribution)
            if told is None:
                print("one was not answered; send it again as it is", file=sys.stderr)
                return 2
            print(json.dumps(told), flush=True)
            if told.get("outcome") != "accepted":
                status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
