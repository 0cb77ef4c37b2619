"""Fetches one file over the network: all of it and the right one, or a clear error.

A file appears under its final name only after its sha256 matched. Until then the bytes live in a
temporary file beside it, so that a crash, a full disk or a lying server costs nothing on disk.
Imports beyond cheap standard modules wait until something has to be downloaded.
"""

import contextlib
import os
from pathlib import Path

from zoo.errors import ChecksumError, DownloadError, InvalidInputError
from zoo.hub.transport import AttemptError, is_allowed, read_chunks

MAX_BACKOFF_SECONDS = 30.0


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
    if not is_allowed(url):
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
        _fetch(url, path, sha256, read_chunks(url, path.name, max_bytes, timeout, progress))

    try:
        if _is_good(path, sha256):
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path):
            # Another process may have finished it while this one waited.
            if not _is_good(path, sha256):
                _retrying(attempts, backoff)(attempt)
    except AttemptError as failure:
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
