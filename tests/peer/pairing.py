"""Pairing: the one HTTPS address, and what is checked of who comes to it (PROTOCOL.md, 10)."""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding

from . import moment, wire
from .authority import HOST, Authority
from .strict import Body, Refused, read_object

if TYPE_CHECKING:
    from .keys import Keys

_PATH = "/api/v1/devices/pair"
_LONGEST = 65_536


@dataclass(frozen=True)
class Device:
    """A device that was paired."""

    device_id: str
    tenant_id: str
    serial: str
    signing_key: bytes
    certificate_sha256: str


class Pairing:
    """The address that devices pair at, while it is open."""

    def __init__(self, authority: Authority, keys: Keys, transports: list[Body]) -> None:
        """Listen on a free port of loopback."""
        self._authority = authority
        self._keys = keys
        self._transports = transports
        self.tokens: dict[str, str] = {}
        self.devices: list[Device] = []
        self.nonces: set[str] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        context = authority.tls(clients=False)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://{HOST}:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        pairing = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = min(int(self.headers["content-length"]), _LONGEST)
                status, body = pairing.answer(self.path, self.rfile.read(length))
                text = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                """Say nothing: the story tells what happens."""

        return Handler

    def answer(self, path: str, body: bytes) -> tuple[int, Body]:
        """Judge a request, and answer it."""
        try:
            if path != _PATH:
                raise Refused("NOT_FOUND", path)
            return 201, self._pair(read_object(body))
        except Refused as refused:
            error = {"code": refused.code, "message": str(refused)}
            return 403, {"error": error}

    def _pair(self, request: Body) -> Body:
        serial = self.tokens.get(request["pairing_token"])
        if serial is None:
            raise Refused("PAIR_TOKEN_INVALID", "no such token")
        if serial != request["serial"]:
            raise Refused("PAIR_SERIAL_MISMATCH", "the token is for another serial")
        key = wire.decode(request["signing_public_key"])
        _proof(request, key)
        if request["nonce"] in self.nonces or len(bytes.fromhex(request["nonce"])) != 16:
            raise Refused("REPLAY_DETECTED", "the nonce")
        self.nonces.add(request["nonce"])
        del self.tokens[request["pairing_token"]]
        device_id = f"peer-{len(self.devices) + 1}"
        certificate = self._authority.device(request["csr_pem"], device_id)
        digest = hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()
        tenant_id = self._keys.tenant_id
        self.devices.append(Device(device_id, tenant_id, serial, key, digest))
        return {
            "device_id": device_id,
            "tenant_id": tenant_id,
            "server_time": moment.written(moment.now()),
            "client_cert_pem": certificate.public_bytes(Encoding.PEM).decode(),
            "ca_pem": self._authority.pem,
            "root": self._keys.root,
            "keyset": json.loads(self._keys.keyset(1)),
            "spki_pins": [wire.encode(pin) for pin in self._authority.pins],
            "transports": self._transports,
        }


def _proof(request: Body, key: bytes) -> None:
    names = ("serial", "pairing_token", "nonce", "timestamp")
    text = "|".join(["vistter-pair-v1", *(request[name] for name in names)])
    if abs((moment.now() - moment.read(request["timestamp"])).total_seconds()) > 120:
        raise Refused("TIMESTAMP_SKEW", "the request's time")
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(wire.decode(request["proof"]), text.encode())
    except InvalidSignature as error:
        raise Refused("SIGNATURE_INVALID", "the proof") from error
