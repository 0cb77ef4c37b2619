"""Fetches one file over the network: all of it and the right one, or a clear error.

A file appears under its final name only after its sha256 matched. Until then the bytes live in a
temporary file beside it, so that a crash, a full disk or a lying server costs nothing on disk.
Imports beyond cheap standard modules wait until something has to be downloaded.
"""

import contextlib
import io
import os
import sys
import time
from pathlib import Path

from zoo.errors import ChecksumError, DownloadError, InvalidInputError

# A socket timeout restarts with every byte, so a server that trickles would never run into it.
MIN_BYTES_PER_SECOND = 1024
CHUNK_BYTES = 1 << 18
MAX_BACKOFF_SECONDS = 30.0


class _AttemptError(Exception):
    def __init__(self, reason, transient=False):
        super().__init__(reason)
        self.transient = transient


def download(
    url, path, *, sha256, max_bytes=None, timeout=30.0, attempts=4, backoff=1.0, progress=True
):
    """Fetches `url` into `path`, atomically and verified; a file with this sha256 is left alone.

    Args:
        url: `https://`, `file://`, or `http://` for this machine (for any machine when the
            environment variable `ZOO_ALLOW_HTTP` is 1).
        path: where the file goes. Missing folders are made. A `.lock` file beside it lets several
            processes ask at once: one downloads, the others wait for it.
        sha256: expected hash of the file, 64 hexadecimal digits.
        max_bytes: refuse a larger body, announced or received.
        timeout: seconds that connecting or one read may take, and the window within which the
            server has to average `MIN_BYTES_PER_SECOND`.
        attempts: how often to try when the network or the server fails.
        backoff: seconds before the second attempt; they double with each further one, plus jitter.
        progress: show a bar on stderr if that is a terminal.

    Returns:
        `path` as a `pathlib.Path`.

    Raises:
        InvalidInputError: a URL that isn't allowed, or a hash that isn't one.
        ChecksumError: the server sent something else than the expected file.
        DownloadError: all attempts failed, or the file can't be written.

    Example:
        >>> download("https://example.org/a.h5", "a.h5", sha256="9f86...")  # doctest: +SKIP
        PosixPath('a.h5')
    """
    path, url, sha256 = Path(path), str(url), str(sha256).lower()
    if not _is_allowed(url):
        raise InvalidInputError(
            "Expected an https:// or file:// URL, or http:// on localhost (set ZOO_ALLOW_HTTP=1 to "
            f"allow http:// elsewhere). Received: url={url!r}"
        )
    if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
        raise InvalidInputError(f"Expected 64 hexadecimal digits. Received: sha256={sha256!r}")
    tried = 0

    def attempt():
        nonlocal tried
        tried += 1
        _fetch(url, path, sha256, _body(url, path.name, max_bytes, timeout, progress))

    try:
        if _is_good(path, sha256):
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path):
            # Another process may have finished it while this one waited.
            if not _is_good(path, sha256):
                _retrying(attempts, backoff)(attempt)
    except _AttemptError as failure:
        raise DownloadError(
            f"Could not download {url} after {tried} attempt{'s' if tried > 1 else ''}: {failure}. "
            f"Check the network, set ZOO_WEIGHTS_URL to a mirror, or put the file at {path}."
        ) from failure
    except OSError as error:
        raise DownloadError(
            f"Could not write {path}: {error}. Free disk space, make its folder writable, or "
            "choose another folder."
        ) from error
    return path


def sha256_of(path):
    """Computes the sha256 of a file.

    Args:
        path: the file.

    Returns:
        64 lower-case hexadecimal digits.

    Raises:
        OSError: the file is missing or can't be read.

    Example:
        >>> sha256_of("dcgan_mnist.weights.h5")  # doctest: +SKIP
        '9f86d081884c7d65...'
    """
    import hashlib

    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_good(path, sha256):
    return path.exists() and sha256_of(path) == sha256


def _is_allowed(url):
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if parts.scheme == "http":
        local = parts.hostname in ("localhost", "127.0.0.1", "::1")
        return local or os.environ.get("ZOO_ALLOW_HTTP") == "1"
    return parts.scheme == "file" or (parts.scheme == "https" and bool(parts.hostname))


@contextlib.contextmanager
def _locked(path):
    from filelock import FileLock

    # The lock file stays behind: were it deleted, one process could hold the deleted file's lock
    # while another creates and locks a new one.
    lock = FileLock(f"{path}.lock")
    # Some network file systems have no locks. The worst that follows is a second download, since
    # each one has its own temporary file and replaces the target in one step.
    with contextlib.suppress(NotImplementedError):
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _retrying(attempts, backoff):
    import tenacity

    wait = tenacity.wait_exponential(multiplier=backoff, max=MAX_BACKOFF_SECONDS)
    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(lambda error: getattr(error, "transient", False)),
        stop=tenacity.stop_after_attempt(attempts),
        # Jitter, so that the workers of a cluster don't all come back in the same instant.
        wait=wait + tenacity.wait_random(0, backoff),
        reraise=True,
    )


def _fetch(url, path, sha256, body):
    import hashlib

    temporary = path.with_name(f".{path.name}.{os.urandom(8).hex()}.part")
    digest = hashlib.sha256()
    try:
        with contextlib.closing(body), open(temporary, "xb") as file:
            for chunk in body:
                digest.update(chunk)
                file.write(chunk)
            if digest.hexdigest() != sha256:
                raise ChecksumError(
                    f"{url} isn't the expected file: expected sha256 {sha256}, received "
                    f"{digest.hexdigest()} ({file.tell()} bytes). Nothing was written to {path}. "
                    "Upgrade keras-gan-zoo, or point ZOO_WEIGHTS_URL at another mirror."
                )
            file.flush()
            # Without this, a power cut could leave the final name on an empty file.
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        # A failure to clean up must not hide the failure that led here.
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _body(url, name, max_bytes, timeout, progress):
    # Yields chunks. Whatever goes wrong on the network leaves here as `_AttemptError`, so that an
    # OSError outside can only be the disk.
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
            raise _AttemptError(reason, transient=True)
    except HTTPError as error:
        error.close()
        transient = error.code in (408, 429) or error.code >= 500
        raise _AttemptError(f"HTTP {error.code} {error.reason}", transient) from error
    except (OSError, HTTPException, ValueError) as error:
        cause = error.reason if isinstance(error, URLError) else error
        # ValueError: an untrusted certificate or a malformed URL. Neither gets better by waiting,
        # nor does a local file that can't be read.
        transient = not isinstance(cause, ValueError) and not url.lower().startswith("file:")
        raise _AttemptError(f"{type(cause).__name__}: {cause}", transient) from error


def _check_size(size, max_bytes):
    if max_bytes is not None and size > max_bytes:
        raise _AttemptError(f"expected at most {max_bytes} bytes, the server has {size} or more")


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
            if downgrade or newurl.startswith("file:") or not _is_allowed(newurl):
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
