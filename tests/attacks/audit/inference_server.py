"""A small server on loopback that speaks version 2 of the Open Inference Protocol, and can fail in every way."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float64]


@dataclass(frozen=True)
class Reply:
    """What is answered instead: a status with a body, or nothing at all (`broken`)."""

    status: int = 200
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    broken: bool = False


def scores(rows: Rows) -> Rows:
    """Three scores a record, which tell records apart."""
    return np.stack([rows.sum(axis=1), rows[:, 0] / 3, -rows[:, -1] * np.pi], axis=1)


def tensor(name: str, values: Any, datatype: str = "FP64", shape: list[int] | None = None) -> dict[str, Any]:
    array = np.asarray(values)
    shape = list(array.shape) if shape is None else shape
    return {"name": name, "datatype": datatype, "shape": shape, "data": array.ravel().tolist()}


class QuietServer(ThreadingHTTPServer):
    def handle_error(self, *_: Any) -> None:
        """Who asks may hang up in the middle."""


class InferenceServer:
    """Answers about the model `forest`. `outputs` makes the tensors of a batch; `queue` holds replies that come before; then:

    `token` is asked for if it is set, `released` lets a server that is `stuck` go on, and `asked` are all records that arrived.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.tls = tls
        self.outputs: Callable[[Rows], list[dict[str, Any]]] = lambda rows: [tensor("probabilities", scores(rows))]
        self.metadata: dict[str, Any] = {"name": "forest", "versions": ["1"], "platform": "sklearn", "inputs": [], "outputs": []}
        self.version = "1"
        self.ready = Reply()
        self.queue: list[Reply] = []
        self.token = ""
        self.asked: list[tuple[float, ...]] = []
        self.requests: list[dict[str, Any]] = []
        self.stuck, self.arrived, self.released = False, threading.Event(), threading.Event()
        self._server: ThreadingHTTPServer | None = None
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"{'http' if self.tls is None else 'https'}://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen, on the same port as before if there was one."""
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.reply(service.get(self.path, self.headers.get("authorization", "")))

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                self.reply(service.post(self.path, self.headers.get("authorization", ""), body))

            def reply(self, reply: Reply) -> None:
                if reply.broken:
                    self.close_connection = True
                    return
                self.send_response(reply.status)
                for name, value in {"Content-Length": str(len(reply.body.encode())), **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body.encode())

            def log_message(self, *_: Any) -> None:
                pass

        self._server = QuietServer(("127.0.0.1", self.port), Handler)
        if self.tls is not None:
            self._server.socket = self.tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def stop(self) -> None:
        """Die: whoever connects is refused from now on."""
        self.released.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def get(self, path: str, authorization: str) -> Reply:
        if denied := self._denied(authorization):
            return denied
        if path in ("/v2/models/forest", "/v2/models/forest/versions/1"):
            return Reply(body=json.dumps(self.metadata))
        if path in ("/v2/models/forest/ready", "/v2/models/forest/versions/1/ready"):
            return self.ready
        return Reply(404, json.dumps({"error": f"nothing at {path}"}))

    def post(self, path: str, authorization: str, body: Any) -> Reply:
        if denied := self._denied(authorization):
            return denied
        if path == "/v2/repository/index":
            return Reply(
                body=json.dumps([{"name": "forest", "version": "1", "state": "READY"}, {"name": "tree", "state": "READY"}])
            )
        sent = body["inputs"][0]
        rows = np.array(sent["data"]).reshape(sent["shape"])
        self.requests.append(body)
        self.asked += [tuple(row) for row in rows.tolist()]
        self.arrived.set()
        if self.stuck:
            self.released.wait(30)
        if self.queue:
            return self.queue.pop(0)
        return Reply(body=json.dumps({"model_name": "forest", "model_version": self.version, "outputs": self.outputs(rows)}))

    def _denied(self, authorization: str) -> Reply | None:
        if self.token and authorization != f"Bearer {self.token}":
            return Reply(401, json.dumps({"error": f"{authorization} is no token of mine"}))
        return None
