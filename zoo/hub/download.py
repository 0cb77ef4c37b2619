"""Downloads one file: all of it and the right one, or a clear error.

pooch fetches into a temporary file, checks the sha256 and only then moves the file to its final
name. Added here are allowed addresses, a size limit, and a lock between processes. Everything
beyond cheap standard modules is imported when something has to be downloaded.
"""

import contextlib
import functools
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

from zoo.errors import ChecksumError, DownloadError, InvalidInputError

CHUNK_BYTES = 1 << 18
PASSING = (408, 429)
"""Statuses below 500 after which another attempt can succeed."""


def download(
    url: str,
    path: str | os.PathLike,
    *,
    sha256: str,
    max_bytes: int | None = None,
    timeout: float = 30.0,
    attempts: int = 4,
    progress: bool = True,
) -> Path:
    """Downloads `url` to `path`, atomically and verified; a file with this sha256 is left alone.

    Args:
        url: `https://`, `file://`, or `http://` for this machine (for any machine when the
            environment variable `ZOO_ALLOW_HTTP` is 1).
        path: where the file goes. Missing folders are made. A `.lock` file beside it lets one of
            several processes download while the others wait for it.
        sha256: expected hash of the file, 64 hexadecimal digits.
        max_bytes: size beyond which a file is refused.
        timeout: seconds that connecting or one read can take.
        attempts: number of attempts when the network or the server fails.
        progress: whether to show a bar on stderr if that is a terminal.

    Returns:
        `path` as a `pathlib.Path`.

    Raises:
        InvalidInputError: If the URL isn't allowed, or the hash isn't one.
        ChecksumError: If the server sent anything but the expected file.
        DownloadError: If all attempts failed, or the file can't be written.
    """
    path, url, sha256 = Path(path), str(url), str(sha256).lower()
    if not is_allowed(url):
        raise InvalidInputError(
            "`url` must be https:// or file://, or http:// on localhost (set ZOO_ALLOW_HTTP=1 to "
            f"allow http:// elsewhere). Received: url={url!r}"
        )
    if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
        raise InvalidInputError(f"`sha256` must be 64 hexadecimal digits. Received: {sha256!r}")
    try:
        if path.exists() and sha256_of(path) == sha256:
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path):
            fetch = functools.partial(
                _fetch, max_bytes=max_bytes, timeout=timeout, progress=progress
            )
            _retrieve(url, path, sha256, attempts, fetch)
    except DownloadError:
        raise
    except OSError as error:
        raise DownloadError(
            f"Could not write {path}: {error}. Free disk space, make its folder writable, or "
            "choose another folder."
        ) from error
    return path


def is_allowed(url: str) -> bool:
    """Returns whether a URL is https, a local file, or http on this machine."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if parts.scheme == "http":
        local = parts.hostname in ("localhost", "127.0.0.1", "::1")
        return local or os.environ.get("ZOO_ALLOW_HTTP") == "1"
    return parts.scheme == "file" or (parts.scheme == "https" and bool(parts.hostname))


def sha256_of(path: str | os.PathLike) -> str:
    """Returns the sha256 of a file, 64 lower-case hexadecimal digits.

    Raises:
        OSError: If the file is missing or can't be read.
    """
    import hashlib

    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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


def _retrieve(url, path, sha256, attempts, fetch):
    import pooch
    from requests import RequestException

    files = pooch.Pooch(
        path.parent,
        base_url="",
        registry={path.name: f"sha256:{sha256}"},
        urls={path.name: url},
        retry_if_failed=attempts - 1,
    )
    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel("WARNING")
    try:
        files.fetch(path.name, downloader=fetch)
    except RequestException as error:
        cause = f"after {attempts} attempts: {type(error).__name__}: {error}"
        raise _failure(url, cause) from error
    except ValueError as error:  # pooch's word for another hash
        raise ChecksumError(
            f"{url} isn't the expected file, whose sha256 is {sha256}: {error}. Nothing was "
            f"written to {path}. Upgrade keras-gan-zoo, or point ZOO_WEIGHTS_URL at another mirror."
        ) from error
    finally:
        logger.setLevel(level)


def _fetch(url, output, _, *, max_bytes, timeout, progress):
    """Writes what is behind a URL to the file `output`, once: a downloader as pooch calls it."""
    import requests
    from pooch import HTTPDownloader

    get = HTTPDownloader(
        chunk_size=CHUNK_BYTES,
        timeout=timeout,
        headers={"User-Agent": "keras-gan-zoo", "Accept-Encoding": "identity"},
        hooks={"response": _check_redirect},
    )
    name = Path(urlsplit(url).path).name
    with open(output, "wb") as file, _progress_bar(name, max_bytes, progress) as advance:
        sink = _Sink(file, url, max_bytes, advance)
        try:
            if urlsplit(url).scheme == "file":
                _copy(url, sink)
            else:
                get(url, sink, None)
        except requests.HTTPError as error:
            status = error.response.status_code
            error.response.close()
            if status >= 500 or status in PASSING:
                raise
            raise _failure(url, f"HTTP {status} {error.response.reason}") from error
        except (requests.exceptions.InvalidSchema, requests.TooManyRedirects) as error:
            raise _failure(url, str(error)) from error
        os.fsync(file.fileno())  # a power cut must not leave the final name on an empty file
    umask = os.umask(0)
    os.umask(umask)
    os.chmod(output, 0o666 & ~umask)  # pooch makes it readable by its owner only


class _Sink:
    """The part of a binary file that pooch writes to, with a limit."""

    def __init__(self, file, url, max_bytes, advance):
        self.flush = file.flush
        self._file, self._url, self._max_bytes, self._advance = file, url, max_bytes, advance

    def write(self, chunk):
        if self._max_bytes is not None and self._file.tell() + len(chunk) > self._max_bytes:
            raise _failure(self._url, f"it has more than {self._max_bytes} bytes")
        self._file.write(chunk)
        self._advance(len(chunk))


def _copy(url, sink):
    from urllib.request import url2pathname

    try:
        source = open(url2pathname(unquote(urlsplit(url).path)), "rb")  # noqa: SIM115
    except OSError as error:
        raise _failure(url, f"{type(error).__name__}: {error}") from error
    with source:
        while chunk := source.read(CHUNK_BYTES):
            sink.write(chunk)


def _check_redirect(response, **_):
    """A server may send us neither to another machine's http nor anywhere but to the web."""
    if not response.is_redirect:
        return
    target = response.headers["location"]
    with contextlib.suppress(ValueError):  # a malformed address isn't allowed below
        target = urljoin(response.url, target)
    downgrade = response.url.startswith("https:") and not target.startswith("https:")
    if downgrade or target.startswith("file:") or not is_allowed(target):
        response.close()
        raise _failure(response.url, f"a redirect to {target} is refused")


def _failure(url, reason):
    return DownloadError(
        f"Could not download {url}: {reason}. Check the network, set ZOO_WEIGHTS_URL to a mirror, "
        "or put the file into the folder of downloads yourself."
    )


@contextlib.contextmanager
def _progress_bar(name: str, total: int | None, wanted: bool) -> Iterator:
    if not wanted or sys.stderr is None or not sys.stderr.isatty():
        yield lambda count: None
        return
    from rich import console, progress

    columns = (*progress.Progress.get_default_columns(), progress.DownloadColumn())
    stderr = console.Console(stderr=True)
    with progress.Progress(*columns, console=stderr, transient=True) as bar:
        task = bar.add_task(name, total=total)
        yield lambda count: bar.update(task, advance=count)
