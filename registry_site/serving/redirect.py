"""Sends whoever comes by HTTP to HTTPS: a process beside the server, which ends with it."""

import asyncio
import json
import re
import sys

SECONDS = 10  # that a request may take
TARGET = re.compile(rb"[A-Z]+ (/[\x21-\x7e]*) HTTP/1\.[01]")
HOST = re.compile(rb"\r\nhost:[ \t]*([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?[ \t]*\r\n", re.IGNORECASE)
ERROR = {"status": 400, "value": 4, "message": "The request has errors", "details": "Not an HTTP request with a Host"}


def answer(head: bytes, port: int) -> bytes:
    """Return the answer to a request: the same place under HTTPS, on that port."""
    target, host = TARGET.match(head), HOST.search(head)
    if not target or not host:
        body = json.dumps(ERROR).encode()
        kind = b"Content-Type: application/json\r\nContent-Length: %d" % len(body)
        return b"HTTP/1.1 400 Bad Request\r\n%s\r\nConnection: close\r\n\r\n%s" % (kind, body)
    place = host[1] + (b"" if port == 443 else b":%d" % port) + target[1]
    headers = b"Location: https://%s\r\nContent-Length: 0\r\nConnection: close" % place
    return b"HTTP/1.1 308 Permanent Redirect\r\n%s\r\n\r\n" % headers


async def serve(host: str, port: int, secure_port: int) -> None:
    """Answer until whoever started us has gone and closed our standard input with that."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SECONDS)
            writer.write(answer(head, secure_port))
            await asyncio.wait_for(writer.drain(), SECONDS)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    gone = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), gone.set)
    async with await asyncio.start_server(talk, host, port):
        await gone.wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
