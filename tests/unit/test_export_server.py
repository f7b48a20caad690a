"""The page of `pg2es export`, as Prometheus scrapes it."""

import ipaddress
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pg2es.cli.export import Certificate, Page, serve
from pg2es.core.monitoring import Metric

BROKERS = [Metric("kafka_brokers", {}, 3)]


@pytest.fixture
def address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    """A certificate of 127.0.0.1 that it signed itself."""
    key, name, now = ec.generate_private_key(ec.SECP256R1()), x509.Name([]), datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = Certificate(tmp_path / "server.pem", tmp_path / "server.key")
    files.file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    files.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


def test_who_comes_before_the_first_look_waits_for_it(address: str) -> None:
    page = Page()
    serve(page, address, None, None)
    with ThreadPoolExecutor(1) as pool:
        early = pool.submit(httpx.get, f"http://{address}/metrics")
        page.show(BROKERS)
        assert "pg2es_kafka_brokers 3.0" in early.result().text


def test_a_certificate_makes_it_https_and_the_login_stays(address: str, certificate: Certificate) -> None:
    page = Page()
    page.show(BROKERS)
    serve(page, address, ("prometheus", "s3cret"), certificate)
    trusted = ssl.create_default_context(cafile=str(certificate.file))
    url = f"https://{address}/metrics"
    assert "pg2es_kafka_brokers 3.0" in httpx.get(url, verify=trusted, auth=("prometheus", "s3cret")).text
    assert httpx.get(url, verify=trusted).status_code == 401
