"""Redirects HTTP requests to HTTPS, in a process that exits with the server."""

import asyncio
import json
import re
import sys

TIMEOUT_SECONDS = 10  # for reading a request, and for sending its response
TARGET = re.compile(rb"[A-Z]+ (/[\x21-\x7e]*) HTTP/1\.[01]")
HOST = re.compile(rb"\r\nhost:[ \t]*([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?[ \t]*\r\n", re.IGNORECASE)
ERROR = {"status": 400, "value": 4, "message": "The request has errors", "details": "Not an HTTP request with a Host"}


def answer(head: bytes, port: int) -> bytes:
    """Return the response to a request: a redirect to the same URL under HTTPS on that port, or 400."""
    target, host = TARGET.match(head), HOST.search(head)
    if not target or not host:
        body = json.dumps(ERROR).encode()
        kind = b"Content-Type: application/json\r\nContent-Length: %d" % len(body)
        return b"HTTP/1.1 400 Bad Request\r\n%s\r\nConnection: close\r\n\r\n%s" % (kind, body)
    place = host[1] + (b"" if port == 443 else b":%d" % port) + target[1]
    headers = b"Location: https://%s\r\nContent-Length: 0\r\nConnection: close" % place
    return b"HTTP/1.1 308 Permanent Redirect\r\n%s\r\n\r\n" % headers


async def serve(host: str, port: int, secure_port: int) -> None:
    """Answer requests until standard input ends, which it does when the parent process exits."""

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), TIMEOUT_SECONDS)
            writer.write(answer(head, secure_port))
            await asyncio.wait_for(writer.drain(), TIMEOUT_SECONDS)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    parent_exited = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), parent_exited.set)
    async with await asyncio.start_server(respond, host, port):
        await parent_exited.wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
