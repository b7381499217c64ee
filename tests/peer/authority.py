"""Certificates of the peer: an authority, its server, its clients and the devices.

Owns X.509. The keys that sign messages are another matter (`keys`).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
import ssl
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from . import moment

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

HOST = "localhost"


def pin(key: CertificatePublicKeyTypes) -> bytes:
    """Return SHA-256 of a key's SubjectPublicKeyInfo."""
    return hashlib.sha256(
        key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ).digest()


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _files(
    folder: Path, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
) -> tuple[Path, Path]:
    chain, private = folder / f"{name}.pem", folder / f"{name}.key"
    chain.write_bytes(certificate.public_bytes(Encoding.PEM))
    private.touch(mode=0o600)
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return chain, private


class Authority:
    """An authority and the one server that it vouches for, with their files in a folder."""

    def __init__(self, folder: Path) -> None:
        """Make both keys and write what a TLS server needs."""
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = self._signed(_name("Peer authority"), self._key.public_key(), None)
        server = ec.generate_private_key(ec.SECP256R1())
        spare = ec.generate_private_key(ec.SECP256R1())
        certificate = self._signed(
            _name("Peer Studio"), server.public_key(), ExtendedKeyUsageOID.SERVER_AUTH
        )
        self.pins = [pin(server.public_key()), pin(spare.public_key())]
        self.file = folder / "authority.pem"
        self.file.write_bytes(self._certificate.public_bytes(Encoding.PEM))
        self.server_chain, self.server_key = _files(folder, "server", certificate, server)

    @property
    def pem(self) -> str:
        """The authority's certificate."""
        return self.file.read_text()

    def tls(self, *, clients: bool) -> ssl.SSLContext:
        """Return a server's side of TLS, with or without certificates of its clients."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.server_chain, self.server_key)
        if clients:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.file)
        return context

    def device(self, csr_pem: str, device_id: str) -> x509.Certificate:
        """Certify the key of a signing request for a device."""
        request = x509.load_pem_x509_csr(csr_pem.encode())
        assert request.is_signature_valid, "the request is not signed by its own key"
        return self._signed(_name(device_id), request.public_key(), ExtendedKeyUsageOID.CLIENT_AUTH)

    def client(self, folder: Path, name: str) -> tuple[Path, Path]:
        """Certify a client of this Studio's own; return the files of its chain and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._signed(_name(name), key.public_key(), ExtendedKeyUsageOID.CLIENT_AUTH)
        return _files(folder, name, certificate, key)

    def _signed(
        self,
        subject: x509.Name,
        key: CertificatePublicKeyTypes,
        purpose: x509.ObjectIdentifier | None,
    ) -> x509.Certificate:
        begins = moment.now() - dt.timedelta(hours=1)
        limits = x509.BasicConstraints(ca=purpose is None, path_length=None)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(_name("Peer authority"))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(begins + dt.timedelta(days=30))
            .add_extension(limits, critical=True)
        )
        if purpose is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        if purpose == ExtendedKeyUsageOID.SERVER_AUTH:
            names = [x509.DNSName(HOST), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, hashes.SHA256())
