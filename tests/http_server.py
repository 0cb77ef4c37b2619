"""A local HTTP server that answers as a test tells it to, and remembers what it was asked for."""

import contextlib
import http.server
import threading


class Server(http.server.ThreadingHTTPServer):
    """Answers request number n with `script[n]`, and every later one with the script's last."""

    daemon_threads = True

    def __init__(self, *script):
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests, self.script, self.counting = [], list(script), threading.Lock()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        """Clients that hang up are what these tests are about."""


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with self.server.counting:
            number = len(self.server.requests)
            self.server.requests.append(self.path)
        script = self.server.script
        script[min(number, len(script) - 1)](self)

    def log_message(self, *args):
        pass

    def begin(self, code=200, **headers):
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()


@contextlib.contextmanager
def running(*script):
    """A server that runs until the end of the block."""
    with Server(*script) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
