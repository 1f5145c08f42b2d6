"""A road to the bucket on which every request is two steps: before it is sent on, and before its answer is.

It runs in the process whose steps are counted, so a kill at the first leaves the bucket as it was, and a kill at the
second leaves it changed by somebody who never learned of it. Knows nothing of what is asked for.
"""

import http.client
import os
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

_WRITES = frozenset({"PUT", "POST", "DELETE"})


def count_requests(step: Callable[[str, str], None]) -> None:
    """Lead this process's clients of the bucket over a road of its own, which tells each step's kind and the path.

    A request that changes nothing is one step: whether its answer is lost on the way makes no difference.
    """
    end = urlsplit(os.environ["AWS_ENDPOINT_URL"]).netloc

    class Traveller(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            """Say nothing."""

        def pass_on(self) -> None:
            path = urlsplit(self.path).path
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            step(f"{self.command} sent", path)
            onward = http.client.HTTPConnection(end, timeout=30.0)
            onward.request(self.command, self.path, body, dict(self.headers))
            answer = onward.getresponse()
            content = answer.read()
            onward.close()
            if self.command in _WRITES:
                step(f"{self.command} done", path)
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in {"connection", "transfer-encoding"}:
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = pass_on  # noqa: N815 - what the library looks for

    road = ThreadingHTTPServer(("127.0.0.1", 0), Traveller)
    Thread(target=road.serve_forever, daemon=True).start()
    os.environ["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{road.server_address[1]}"
