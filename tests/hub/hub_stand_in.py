"""A local server that answers as the Hugging Face Hub does, as far as `zoo.hub.sharing` asks."""

import base64
import contextlib
import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "hf_secret"
"""Opens private repositories, and is what writing takes."""


class Hub:
    """What is published: repository -> branch or commit -> file name -> bytes."""

    def __init__(self):
        self.repositories: dict[str, dict[str, dict[str, bytes]]] = {}
        self.private: set[str] = set()
        self.requests: list[str] = []
        self.url = ""

    def commit(self, repository, branch, files):
        """Adds files to a branch; returns the commit's hash."""
        revisions = self.repositories.setdefault(repository, {"main": {}})
        revisions[branch] = {**revisions.get(branch, {}), **files}
        oid = self.oid(repository, branch)
        revisions[oid] = revisions[branch]
        return oid

    def oid(self, repository, revision):
        """Returns the hash of what a branch or commit holds."""
        if re.fullmatch("[0-9a-f]{40}", revision):
            return revision
        digest = hashlib.sha1(repository.encode())
        for name, content in sorted(self.repositories[repository][revision].items()):
            digest.update(name.encode() + hashlib.sha1(content).digest())
        return digest.hexdigest()


@contextlib.contextmanager
def running_hub():
    """Runs a `Hub` on loopback, and yields it."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(hub):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *arguments):
            pass

        def do_GET(self):
            hub.requests.append(f"{self.command} {self.path}")
            path = unquote(urlsplit(self.path).path)
            if path == "/api/models":
                return self._list(parse_qs(urlsplit(self.path).query))
            if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/([^/]+))?", path):
                return self._describe(match[1], match[2] or "main")
            if match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
                return self._resolve(*match.groups())
            return self._send(404, {"error": f"no such page: {path}"})

        do_HEAD = do_GET

        def do_POST(self):
            hub.requests.append(f"{self.command} {self.path}")
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path = urlsplit(self.path).path
            if not self._knows_token():
                return self._send(401, {"error": "Invalid username or password."})
            if path == "/api/validate-yaml":
                return self._send(200, {"errors": [], "warnings": []})
            if path == "/api/repos/create":
                return self._create(json.loads(body))
            if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/branch/([^/]+)", path):
                revisions = hub.repositories[match[1]]
                revisions.setdefault(match[2], dict(revisions["main"]))
                return self._send(200, {})
            if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/preupload/([^/]+)", path):
                files = [item["path"] for item in json.loads(body)["files"]]
                modes = [
                    {"path": name, "uploadMode": "regular", "shouldIgnore": False} for name in files
                ]
                return self._send(200, {"files": modes})
            if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/commit/([^/]+)", path):
                return self._commit(*match.groups(), body)
            return self._send(404, {"error": f"no such page: {path}"})

        def _knows_token(self):
            return self.headers.get("Authorization") == f"Bearer {TOKEN}"

        def _list(self, query):
            owner, tag = query.get("author", [""])[0], query.get("filter", [""])[0]
            found = [
                {"id": name, "tags": [tag]}
                for name, revisions in hub.repositories.items()
                if name.startswith(f"{owner}/")
                and (name not in hub.private or self._knows_token())
                and f"- {tag}\n".encode() in revisions["main"].get("README.md", b"")
            ]
            self._send(200, found)

        def _find(self, repository, revision):
            """Returns the files of a revision, or answers with the hub's error."""
            hidden = repository in hub.private and not self._knows_token()
            if repository not in hub.repositories or hidden:
                status = 401 if not self._knows_token() else 404
                self._send(status, {"error": "not found"}, {"X-Error-Code": "RepoNotFound"})
            elif revision not in hub.repositories[repository]:
                self._send(404, {"error": "no revision"}, {"X-Error-Code": "RevisionNotFound"})
            else:
                return hub.repositories[repository][revision]
            return None

        def _describe(self, repository, revision):
            files = self._find(repository, revision)
            if files is not None:
                siblings = [{"rfilename": name, "size": len(x)} for name, x in files.items()]
                sha = hub.oid(repository, revision)
                self._send(200, {"id": repository, "sha": sha, "siblings": siblings})

        def _resolve(self, repository, revision, name):
            files = self._find(repository, revision)
            if files is None:
                return
            if name not in files:
                self._send(404, {"error": "no file"}, {"X-Error-Code": "EntryNotFound"})
                return
            content = files[name]
            headers = {
                "X-Repo-Commit": hub.oid(repository, revision),
                "ETag": f'"{hashlib.sha1(content).hexdigest()}"',
            }
            self._send(200, content, headers)

        def _create(self, values):
            name = f"{values['organization']}/{values['name']}"
            if name in hub.repositories:
                return self._send(409, {"error": "exists", "url": f"{hub.url}/{name}"})
            hub.commit(name, "main", {})
            if values.get("private") or values.get("visibility") == "private":
                hub.private.add(name)
            return self._send(200, {"url": f"{hub.url}/{name}", "name": name})

        def _commit(self, repository, revision, body):
            lines = [json.loads(line) for line in body.splitlines()]
            files = {
                line["value"]["path"]: base64.b64decode(line["value"]["content"])
                for line in lines
                if line["key"] == "file"
            }
            oid = hub.commit(repository, revision, files)
            url = f"{hub.url}/{repository}/commit/{oid}"
            self._send(200, {"success": True, "commitOid": oid, "commitUrl": url})

        def _send(self, status, content, headers=None):
            if not isinstance(content, bytes):
                content = json.dumps(content).encode()
            self.send_response(status)
            for key, value in (headers or {}).items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

    return Handler
