"""Reading a URL in chunks: allowed schemes only, never too slow, never too large.

Whatever goes wrong on the network leaves here as `AttemptError`, so that an `OSError` around it
can only be the disk.
"""

import contextlib
import io
import os
import sys
import time

# A socket timeout restarts with every byte, so a server that trickles would never run into it.
MIN_BYTES_PER_SECOND = 1024
CHUNK_BYTES = 1 << 18


class AttemptError(Exception):
    """One try failed; `transient` if another may succeed."""

    def __init__(self, reason, transient=False):
        super().__init__(reason)
        self.transient = transient


def is_allowed(url):
    """Whether a URL is https, a local file, or http on this machine."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if parts.scheme == "http":
        local = parts.hostname in ("localhost", "127.0.0.1", "::1")
        return local or os.environ.get("ZOO_ALLOW_HTTP") == "1"
    return parts.scheme == "file" or (parts.scheme == "https" and bool(parts.hostname))


def read_chunks(url, name, max_bytes, timeout, progress):
    """Yields the bytes behind a URL; the arguments are those of `zoo.hub.download.download`."""
    from http.client import HTTPException
    from urllib.error import HTTPError, URLError
    from urllib.request import Request

    # Some hosts turn urllib's own name away.
    request = Request(url, headers={"User-Agent": "keras-gan-zoo"})
    received = 0
    try:
        with _opener(timeout).open(request, timeout=timeout) as response:
            announced = getattr(response, "length", None)
            with _progress_bar(name, announced, progress) as advance:
                _check_size(announced or 0, max_bytes)
                # `read` would wait for a whole chunk; `read1` returns what is there.
                while chunk := response.read1(CHUNK_BYTES):
                    received += len(chunk)
                    _check_size(received, max_bytes)
                    yield chunk
                    advance(len(chunk))
        if announced is not None and received < announced:
            reason = f"the connection ended after {received} of {announced} bytes"
            raise AttemptError(reason, transient=True)
    except HTTPError as error:
        error.close()
        transient = error.code in (408, 429) or error.code >= 500
        raise AttemptError(f"HTTP {error.code} {error.reason}", transient) from error
    except (OSError, HTTPException, ValueError) as error:
        cause = error.reason if isinstance(error, URLError) else error
        # ValueError: an untrusted certificate or a malformed URL. Neither gets better by waiting,
        # nor does a local file that can't be read.
        transient = not isinstance(cause, ValueError) and not url.lower().startswith("file:")
        raise AttemptError(f"{type(cause).__name__}: {cause}", transient) from error


def _check_size(size, max_bytes):
    if max_bytes is not None and size > max_bytes:
        raise AttemptError(f"expected at most {max_bytes} bytes, the server has {size} or more")


def _opener(timeout):
    import http.client
    from urllib import error, request

    def paced_response(*args, **kwargs):
        response = http.client.HTTPResponse(*args, **kwargs)
        response.fp = io.BufferedReader(_PacedReader(response.fp.detach(), timeout))
        return response

    class Paced:
        def do_open(self, connection_class, req, **options):
            def connect(*args, **kwargs):
                connection = connection_class(*args, **kwargs)
                connection.response_class = paced_response
                return connection

            return super().do_open(connect, req, **options)

    class SafeRedirect(request.HTTPRedirectHandler):
        def http_error_302(self, req, fp, code, msg, headers):
            try:
                return super().http_error_302(req, fp, code, msg, headers)
            except ValueError:  # a malformed address; urllib would leave the connection open
                fp.close()
                raise

        http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

        def redirect_request(self, req, fp, code, msg, headers, newurl):
            # A server may send us neither to a local file nor from https down to http.
            downgrade = req.type == "https" and not newurl.startswith("https:")
            if downgrade or newurl.startswith("file:") or not is_allowed(newurl):
                raise error.HTTPError(newurl, code, f"redirect to {newurl} refused", headers, fp)
            # Else urllib reads the body of the redirect to its end, however long that is.
            fp.close()
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    paced_http = type("PacedHTTP", (Paced, request.HTTPHandler), {})
    paced_https = type("PacedHTTPS", (Paced, request.HTTPSHandler), {})
    return request.build_opener(paced_http, paced_https, SafeRedirect)


class _PacedReader(io.RawIOBase):
    """Reads a socket (status line, headers and body alike) and gives up on a trickle."""

    def __init__(self, raw, window):
        self._raw, self._window = raw, window
        self._waited = self._received = 0

    def readable(self):
        return True

    def readinto(self, buffer):
        # Only the time spent waiting for the server counts, not that of a slow disk.
        start = time.monotonic()
        count = self._raw.readinto(buffer)
        self._waited += time.monotonic() - start
        self._received += count
        if self._waited >= self._window:
            if count and self._received < MIN_BYTES_PER_SECOND * self._waited:
                pace = f"{self._received} bytes in {self._waited:.1f} s"
                raise TimeoutError(f"the server is too slow ({pace})")
            self._waited = self._received = 0
        return count

    def close(self):
        self._raw.close()
        super().close()


@contextlib.contextmanager
def _progress_bar(name, total, wanted):
    if not wanted or sys.stderr is None or not sys.stderr.isatty():
        yield lambda count: None
        return
    from rich import console, progress

    columns = (*progress.Progress.get_default_columns(), progress.DownloadColumn())
    stderr = console.Console(stderr=True)
    with progress.Progress(*columns, console=stderr, transient=True) as bar:
        task = bar.add_task(name, total=total)
        yield lambda count: bar.update(task, advance=count)
