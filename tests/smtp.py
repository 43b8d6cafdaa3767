"""A mail server for tests: with a given delay, and down until it is started."""

import re
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_string
from email.policy import default
from urllib.parse import parse_qs


class MailServer:
    """Implements the part of SMTP that clients need to send a mail; stores what it receives."""

    def __init__(self, port: int, seconds: float = 0) -> None:
        self.mails: list[str] = []
        self.seconds = seconds
        self.port = port

    def texts_to(self, address: str) -> list[str]:
        """Return the texts of the mails to an address."""
        mails = [message_from_string(mail, policy=default) for mail in self.mails]
        return [str(mail.get_content()) for mail in mails if address in str(mail["To"])]

    def await_mail(self, address: str, seconds: float = 30) -> str:
        """Wait for the first mail to an address, for so many seconds at most."""
        latest = time.monotonic() + seconds
        while not (texts := self.texts_to(address)):
            assert time.monotonic() < latest, f"no mail to {address} came"
            time.sleep(0.05)
        return texts[0]

    @contextmanager
    def running(self) -> Iterator["MailServer"]:
        """Serve on the port within the context."""
        mail_server = self

        class Conversation(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                mail_server.talk(self)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = daemon_threads = True

        with Server(("127.0.0.1", self.port), Conversation) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield self
            server.shutdown()

    def talk(self, conversation: socketserver.StreamRequestHandler) -> None:
        """Respond to a client's commands; to DATA after a delay in seconds."""

        def say(line: str) -> None:
            conversation.wfile.write(f"{line}\r\n".encode())

        say("220 tests")
        for line in conversation.rfile:
            command = line.decode().split()[0].upper()
            if command == "DATA":
                say("354 go on")
                lines: list[str] = []
                while (part := conversation.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(part.decode())
                time.sleep(self.seconds)
                self.mails.append("".join(lines))
            say("221 bye" if command == "QUIT" else "250 ok")
            if command == "QUIT":
                return


def link_in(text: str) -> dict[str, str]:
    """Return tenant and reset code of a mail's link."""
    found = re.search(r"https?://\S+[?#](\S+)", text)
    assert found, text
    return {key: values[0] for key, values in parse_qs(found[1]).items()}
