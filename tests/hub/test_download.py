"""`zoo.hub.download` against a local server that misbehaves in every way a real one does."""

import errno
import hashlib
import io
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import requests

from tests.http_server import running
from zoo.errors import ChecksumError, DownloadError, InvalidInputError
from zoo.hub import download as download_module
from zoo.hub.download import download, is_allowed, sha256_of

pytestmark = pytest.mark.no_backend

BODY = bytes(range(256)) * 2000
SHA256 = hashlib.sha256(BODY).hexdigest()
OLD = b"what was here before"


def good(handler):
    handler.begin(Content_Length=len(BODY))
    handler.wfile.write(BODY)


def unannounced(handler):
    handler.begin()
    handler.wfile.write(BODY)


def truncated(handler):
    handler.begin(Content_Length=len(BODY))
    handler.wfile.write(BODY[: len(BODY) // 2])


def reset(handler):
    truncated(handler)
    # Closing with linger 0 sends a reset, as a crashing server's kernel does.
    linger = b"\x01\0\0\0\0\0\0\0"
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    handler.connection.close()


def wrong(handler):
    handler.begin(Content_Length=len(BODY))
    handler.wfile.write(BODY[::-1])


def cut_chunks(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhalf of it")


def garbage(handler):
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")


def slow_but_good(handler):
    handler.begin(Content_Length=len(BODY))
    for start in range(0, len(BODY), 1 << 16):
        handler.wfile.write(BODY[start : start + (1 << 16)])
        time.sleep(0.05)


def status(code):
    return lambda handler: handler.begin(code, Content_Length=0)


def redirect(location):
    return lambda handler: handler.begin(302, Location=location, Content_Length=0)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv("ZOO_ALLOW_HTTP", raising=False)
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)  # before another attempt
    with running(good) as server:
        server.url = f"{server.address}/a.weights.h5"
        server.patience = threading.Event()
        yield server


@pytest.fixture
def target(tmp_path):
    """Where the file goes; in the end, nothing else than it and its lock may be there."""
    folder = tmp_path / "cache"
    yield folder / "a.weights.h5"
    names = {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()
    assert names <= {"a.weights.h5", "a.weights.h5.lock"}


def get(server, path, **options):
    defaults = {"sha256": SHA256, "timeout": 10, "attempts": 3}
    url = options.pop("url", None) or server.url
    return download(url, path, **defaults | options)


@pytest.mark.parametrize("answer", [good, unannounced, slow_but_good])
def test_downloads_and_returns_the_path(server, target, answer):
    server.script = [answer]
    assert get(server, str(target)) == target
    assert target.read_bytes() == BODY
    assert len(server.requests) == 1


def test_file_is_as_readable_as_any_other(server, target):
    ordinary = target.parent / "a.weights.h5.lock"
    target.parent.mkdir()
    ordinary.touch()
    get(server, target)
    assert target.stat().st_mode & 0o444 == ordinary.stat().st_mode & 0o444


def test_existing_good_file_makes_no_request_and_no_lock(server, target):
    target.parent.mkdir()
    target.write_bytes(BODY)
    assert get(server, target, sha256=SHA256.upper()) == target
    assert server.requests == []
    assert os.listdir(target.parent) == [target.name]


def test_existing_bad_file_is_replaced(server, target):
    target.parent.mkdir()
    target.write_bytes(OLD)
    get(server, target)
    assert target.read_bytes() == BODY


@pytest.mark.parametrize("first", [truncated, reset, cut_chunks, garbage, status(503), status(429)])
def test_passing_failures_are_retried(server, target, first):
    server.script = [first, first, good]
    get(server, target)
    assert target.read_bytes() == BODY
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (truncated, "IncompleteRead"),
        (reset, "reset|IncompleteRead"),
        (cut_chunks, "ended prematurely|IncompleteRead"),
        (garbage, "BadStatusLine"),
        (status(500), "500 Server Error"),
    ],
)
def test_lasting_failures_end_after_the_last_attempt(server, target, answer, reason):
    target.parent.mkdir()
    target.write_bytes(OLD)
    server.script = [answer]
    with pytest.raises(DownloadError, match=reason) as caught:
        get(server, target)
    assert len(server.requests) == 3
    assert target.read_bytes() == OLD
    for part in (server.url, "after 3 attempts", "network", "ZOO_WEIGHTS_URL"):
        assert part in str(caught.value)


@pytest.mark.parametrize("code", [403, 404, 410])
def test_refusals_are_not_retried(server, target, code):
    server.script = [status(code)]
    with pytest.raises(DownloadError, match=f"HTTP {code}"):
        get(server, target)
    assert len(server.requests) == 1
    assert not target.exists()


def test_a_server_that_says_nothing_is_given_up(server, target):
    server.script = [lambda handler: server.patience.wait(5)]
    with pytest.raises(DownloadError, match=r"after 2 attempts: .*timed out"):
        get(server, target, timeout=0.15, attempts=2)
    server.patience.set()


def test_a_server_that_is_down_is_given_up(server, target):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/a"
        with pytest.raises(DownloadError, match=r"after 3 attempts: ConnectionError.*refused"):
            get(server, target, url=url)


def test_wrong_bytes_are_refused(server, target):
    target.parent.mkdir()
    target.write_bytes(OLD)
    server.script = [wrong]
    with pytest.raises(ChecksumError) as caught:
        get(server, target)
    assert SHA256 in str(caught.value)
    assert hashlib.sha256(BODY[::-1]).hexdigest() in str(caught.value)
    assert len(server.requests) == 3  # a connection that ends early can look like this
    assert target.read_bytes() == OLD


@pytest.mark.parametrize("answer", [good, unannounced])
def test_oversized_bodies_are_refused(server, target, answer):
    server.script = [answer]
    with pytest.raises(DownloadError, match=f"more than {len(BODY) - 1} bytes"):
        get(server, target, max_bytes=len(BODY) - 1)
    assert len(server.requests) == 1
    assert not target.exists()
    get(server, target, max_bytes=len(BODY))
    assert target.read_bytes() == BODY


def test_redirects_are_followed(server, target):
    server.script = [redirect("/b"), redirect(server.url), good]
    get(server, target)
    assert server.requests == ["/a.weights.h5", "/b", "/a.weights.h5"]


@pytest.mark.parametrize(
    "location",
    [
        "ftp://127.0.0.1/a",
        "file:///etc/hostname",
        "http://192.0.2.1/a",
        "data:text/plain,a",
        "http://[a/",
    ],
)
def test_redirects_out_of_bounds_are_refused(server, target, location):
    server.script = [redirect(location)]
    with pytest.raises(DownloadError):
        get(server, target)
    assert target.parent.is_dir()
    assert not target.exists()
    assert set(server.requests) == {"/a.weights.h5"}


def test_redirect_loops_end(server, target):
    server.script = [redirect("/a.weights.h5")]
    with pytest.raises(DownloadError, match="redirects"):
        get(server, target)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/a",
        "http://localhost.example.org/a",
        "http://127.0.0.1.example.org/a",
        "http://localhost@example.org/a",
        "http://127.0.0.1@example.org/a",
        "http://0177.0.0.1/a",
        "http://[::1/a",
        "http://[::ffff:127.0.0.1]/a",
        "http:///a",
        "http:example.org",
        "HTTP://example.org/a",
        "https:///a",
        "https://[a/",
        "https:example.org",
        "https://",
        "//example.org/a",
        "ftp://example.org/a",
        "data:text/plain,a",
        "javascript:1",
        "jar:file:///a",
        "gopher://localhost/a",
        "/etc/passwd",
        "a.weights.h5",
        "",
    ],
)
def test_urls_out_of_bounds_are_refused(target, url, monkeypatch):
    monkeypatch.delenv("ZOO_ALLOW_HTTP", raising=False)
    with pytest.raises(InvalidInputError, match="Received: url="):
        download(url, target, sha256=SHA256)


def test_http_elsewhere_has_to_be_allowed(monkeypatch):
    assert not is_allowed("http://example.org/a")
    monkeypatch.setenv("ZOO_ALLOW_HTTP", "1")
    assert is_allowed("http://example.org/a")
    assert not is_allowed("ftp://example.org/a")


def test_https_never_falls_back_to_http(monkeypatch):
    monkeypatch.setenv("ZOO_ALLOW_HTTP", "1")
    response = requests.Response()
    response.url, response.status_code = "https://example.org/a", 302
    response.raw = io.BytesIO()
    response.headers["location"] = "http://localhost/a"
    with pytest.raises(DownloadError, match="redirect to http://localhost/a is refused"):
        download_module._check_redirect(response)
    response.headers["location"] = "https://localhost/a"
    download_module._check_redirect(response)


@pytest.mark.parametrize("sha256", ["", "abc", "g" * 64, None])
def test_a_hash_has_to_be_one(server, target, sha256):
    with pytest.raises(InvalidInputError, match="64 hexadecimal digits"):
        get(server, target, sha256=sha256)
    assert server.requests == []


def test_file_urls(tmp_path, target):
    source = tmp_path / "source file.h5"
    with pytest.raises(DownloadError, match="FileNotFoundError"):
        download(source.as_uri(), target, sha256=SHA256)
    source.write_bytes(BODY)
    with pytest.raises(DownloadError, match="more than 7 bytes"):
        download(source.as_uri(), target, sha256=SHA256, max_bytes=7)
    assert download(source.as_uri(), target, sha256=SHA256).read_bytes() == BODY
    assert source.read_bytes() == BODY


def test_a_folder_that_cannot_be_made_is_named(server, tmp_path):
    (tmp_path / "file").write_bytes(OLD)
    path = tmp_path / "file" / "a.weights.h5"
    with pytest.raises(DownloadError, match="Could not write") as caught:
        get(server, path)
    assert str(path) in str(caught.value)
    assert server.requests == []


def test_a_folder_in_the_place_of_the_file_is_named(server, target):
    target.mkdir(parents=True)
    with pytest.raises(DownloadError, match="Could not write"):
        get(server, target)
    assert server.requests == []


def test_a_full_disk_is_told_and_not_retried(server, target, monkeypatch):
    target.parent.mkdir()
    target.write_bytes(OLD)

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DownloadError, match=r"Could not write .*No space left"):
        get(server, target)
    assert len(server.requests) == 1
    assert target.read_bytes() == OLD


def test_an_interrupted_download_leaves_nothing(server, target, monkeypatch):
    def interrupted(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        get(server, target)
    assert not target.exists()


def test_a_file_system_without_locks_still_works(server, target, monkeypatch):
    import filelock

    def unsupported(lock):
        raise NotImplementedError

    monkeypatch.setattr(filelock.FileLock, "acquire", unsupported)
    assert get(server, target).read_bytes() == BODY


def test_two_processes_download_once(server, target):
    server.script = [slow_but_good]
    code = (
        "import sys; from zoo.hub.download import download; print('ready', flush=True);"
        "sys.stdin.readline(); download(sys.argv[1], sys.argv[2], sha256=sys.argv[3])"
    )
    command = [sys.executable, "-c", code, server.url, target, SHA256]
    root = Path(__file__).resolve().parents[2]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "cwd": root}
    with subprocess.Popen(command, **pipes) as first, subprocess.Popen(command, **pipes) as second:
        for process in (first, second):
            assert process.stdout.readline().strip() == b"ready"
        for process in (first, second):
            process.stdin.write(b"go\n")
            process.stdin.flush()
        assert first.wait(20) == second.wait(20) == 0
    assert len(server.requests) == 1
    assert target.read_bytes() == BODY


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("progress", [True, False])
def test_progress_is_drawn_on_a_terminal_if_wanted(server, target, monkeypatch, progress):
    monkeypatch.setattr(sys, "stderr", Terminal())
    get(server, target, progress=progress)
    assert (target.name in sys.stderr.getvalue()) == progress


def test_no_progress_into_a_pipe(server, target, capsys):
    get(server, target)
    assert capsys.readouterr() == ("", "")


def test_sha256_of(tmp_path):
    (tmp_path / "a").write_bytes(BODY)
    assert sha256_of(tmp_path / "a") == SHA256


def test_import_is_cheap():
    code = (
        "import sys, zoo.errors; before = set(sys.modules); import zoo.hub.download;"
        "print(*sorted(set(sys.modules) - before))"
    )
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", code]
    loaded = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    heavy = {
        *("filelock", "hashlib", "http.client", "pooch", "requests", "rich", "socket", "ssl"),
    }
    assert "zoo.hub.download" in loaded.split()
    assert not heavy & set(loaded.split())
