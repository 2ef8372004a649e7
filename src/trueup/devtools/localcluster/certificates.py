"""The cluster's own certificate authorities, and what they sign.

Three authorities, as one must not vouch for what another stands for: one for the API server and its clients, one for
etcd, one for the requests that the API server sends on to aggregated APIs.
"""

import datetime
import ipaddress
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_LIFE = datetime.timedelta(days=3650)
LEAF_LIFE = datetime.timedelta(days=365)
# A clock that was set back a little must not find the certificate to be of the future.
_SKEW = datetime.timedelta(hours=1)


class Pair(msgspec.Struct, frozen=True):
    """The files of a certificate and its private key, both PEM."""

    certificate: Path
    key: Path


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only the user can read, whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    part.replace(path)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


class Authority:
    """A certificate authority, kept in the folder `pki` under `name`; made there if absent."""

    def __init__(self, pki: Path, name: str) -> None:
        self.files = Pair(pki / f"{name}.crt", pki / f"{name}.key")
        self._pki = pki
        if not (self.files.certificate.exists() and self.files.key.exists()):
            self._make(name)
        self._certificate = x509.load_pem_x509_certificate(self.files.certificate.read_bytes())
        key = serialization.load_pem_private_key(self.files.key.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        self._key = key

    def _make(self, name: str) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"trueup local {name}")])
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        certificate = (
            _begin(subject, subject, key.public_key(), AUTHORITY_LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .sign(key, hashes.SHA256())
        )
        write_private(self.files.key, _key_pem(key))
        write_private(self.files.certificate, certificate.public_bytes(serialization.Encoding.PEM))

    def client(self, name: str, common_name: str, organizations: Sequence[str] = ()) -> Pair:
        """Issue a certificate for a client: `common_name` is the user, `organizations` are the groups."""
        return self._issue(name, common_name, organizations, [], [ExtendedKeyUsageOID.CLIENT_AUTH])

    def server(self, name: str, common_name: str, hosts: Sequence[str]) -> Pair:
        """Issue a certificate for a server that answers at `hosts` (names and addresses); it may be a client too."""
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        return self._issue(name, common_name, [], hosts, usages)

    def _issue(
        self,
        name: str,
        common_name: str,
        organizations: Sequence[str],
        hosts: Sequence[str],
        usages: list[x509.ObjectIdentifier],
    ) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in organizations]
        attributes.append(x509.NameAttribute(NameOID.COMMON_NAME, common_name))
        builder = _begin(x509.Name(attributes), self._certificate.subject, key.public_key(), LEAF_LIFE)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
        )
        if hosts:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_host(host) for host in hosts]), critical=False
            )
        certificate = builder.sign(self._key, hashes.SHA256())
        pair = Pair(self._pki / f"{name}.crt", self._pki / f"{name}.key")
        write_private(pair.key, _key_pem(key))
        write_private(pair.certificate, certificate.public_bytes(serialization.Encoding.PEM))
        return pair


def _begin(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, life: datetime.timedelta
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def signing_key(pki: Path) -> Pair:
    """Return the key that signs the tokens of service accounts (as `certificate`, its public half); kept in `pki`."""
    pair = Pair(pki / "service-accounts.pub", pki / "service-accounts.key")
    if not (pair.certificate.exists() and pair.key.exists()):
        key = ec.generate_private_key(ec.SECP256R1())
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        write_private(pair.key, _key_pem(key))
        write_private(pair.certificate, public)
    return pair
