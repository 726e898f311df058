"""A loopback receiver of alert messages: keeps what came, answers as it is told to."""

import http.server
import json
import threading
import time
from dataclasses import dataclass, field


@dataclass
class Message:
    """One POST as it came in."""

    at: float
    path: str
    headers: dict
    body: dict
    # What was answered, whether or not anybody was there to hear it; None where it hangs.
    status: int | None = None

    @property
    def key(self):
        """What a receiver recognises a repeat by: Standard Webhooks."""
        return self.headers.get("webhook-id")

    @property
    def data(self):
        return self.body["data"]


@dataclass
class Answer:
    """How one message is answered."""

    status: int = 200
    headers: dict = field(default_factory=dict)
    body: bytes = b"ok"
    # Keeps the connection open without an answer until the receiver is closed.
    hang: bool = False


class Receiver:
    """Counts as listening from `open` to `close`; the port stays its own in between.

    `answers` gives the Answer to a Message; it runs on the thread of that message and may do more.
    """

    def __init__(self, answers=None):
        self.answers = answers or (lambda message: Answer())
        self.messages, self.lock = [], threading.Lock()
        self.closing = threading.Event()
        self.server, self.port = None, 0
        self.open()

    def open(self):
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {k.lower(): v for k, v in self.headers.items()}
                message = Message(time.time(), self.path, headers, json.loads(body))
                with receiver.lock:
                    receiver.messages.append(message)
                answer = receiver.answers(message)
                if answer.hang:
                    receiver.closing.wait()
                    self.close_connection = True
                    return
                message.status = answer.status
                try:
                    self.send_response(answer.status)
                    for name, value in answer.headers.items():
                        self.send_header(name, value)
                    self.send_header("content-length", str(len(answer.body)))
                    self.end_headers()
                    self.wfile.write(answer.body)
                except OSError:
                    # The sender was killed meanwhile.
                    self.close_connection = True

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            # Hanging messages must not keep the test from ending.
            block_on_close = False

            def handle_error(self, *_):
                """A sender that breaks off is what some tests are about."""

        self.closing.clear()
        self.server = Server(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def at(self, path, status=None):
        """Messages to a path in the order they came, of one status where given."""
        with self.lock:
            found = [m for m in self.messages if m.path == path]
        return [m for m in found if status is None or m.status == status]
