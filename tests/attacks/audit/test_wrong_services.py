"""`kind: http`: what is wrong with a service, an address or records is told in one sentence, and the token is told nobody."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from inference_server import InferenceServer, Reply, scores, tensor

from attacks.audit.kinds import line
from attacks.audit.kinds.address import Address
from attacks.audit.kinds.kept_answers import FILE
from taxonomy.findings import InputError

ROWS = np.random.default_rng(0).normal(size=(10, 4))

P = {"name": "p", "datatype": "FP64", "shape": [2, 2], "data": [0.5, 0.5, 0.5, 0.5]}
GARBAGE = {
    "not JSON": ("<html>hello\x1b[31m", r"no JSON \(it begins '<html>hello\\+x1b\[31m'\)"),
    "deep": ("[" * 100_000, "no JSON"),
    "another form": ('{"predictions": [1, 2]}', "has no list of `outputs`"),
    "a list": ("[1]", "has no list of `outputs`"),
    "no output": ({"outputs": []}, "answers with 0 outputs"),
    "two outputs": ({"outputs": [P, {**P, "name": "q"}]}, r"answers with 2 outputs; name one as `output` \(known: p, q\)"),
    "one row": ({"outputs": [{**P, "shape": [1, 4]}]}, r"2 records with an output of shape \[1, 4\]"),
    "too few values": ({"outputs": [{**P, "data": [0.5]}]}, r"1 values, and says that they are of shape \[2, 2\]"),
    "ragged": ({"outputs": [{**P, "data": [[1], [1, 2]]}]}, "regular `data`"),
    "no data": ({"outputs": [{"name": "p", "shape": [2, 2], "datatype": "FP64"}]}, "without `shape`"),
    "null": ({"outputs": [{**P, "data": [0.5, None, 1, 1]}]}, "no numbers"),
    "texts as numbers": ({"outputs": [{**P, "data": ["a", "b", "c", "d"]}]}, "no numbers"),
    "NaN": ({"outputs": [{**P, "data": [0.5, float("nan"), 1, 1]}]}, "nan for 1 of 2 records"),
    "infinity": ({"outputs": [{**P, "data": [0.5, float("inf"), 1, 1]}]}, "inf for 1 of 2 records"),
    "whole numbers in columns": ({"outputs": [{**P, "datatype": "INT64", "data": [1, 0, 0, 1]}]}, "labels are one a record"),
    "points in whole numbers": ({"outputs": [{**P, "datatype": "INT64", "shape": [2], "data": [1.5, 0]}]}, "not of that type"),
    "numbers as texts": ({"outputs": [{**P, "datatype": "BYTES", "shape": [2], "data": [1, 0]}]}, "not of that type"),
    "unknown datatype": ({"outputs": [{**P, "datatype": "FP8", "shape": [2], "data": [1, 0]}]}, "'FP8'"),
    "large label": ({"outputs": [{**P, "datatype": "UINT64", "shape": [2], "data": [2**63, 0]}]}, "larger than an int64"),
    "no columns": ({"outputs": [{**P, "shape": [2, 0], "data": []}]}, "a row of scores a record is needed"),
    "endless": ('{"outputs": [{"name": "p", "shape": [1e999], "datatype": "FP64", "data": [1]}]}', "without `shape`"),
    "three lengths": ({"outputs": [{**P, "shape": [2, 2, 1]}]}, "a row of scores a record is needed"),
}


@pytest.mark.parametrize(("body", "message"), GARBAGE.values(), ids=GARBAGE)
def test_garbage_is_told_and_not_kept(server, ask, body, message):
    server.queue = [Reply(body=body if isinstance(body, str) else json.dumps(body))]
    with pytest.raises(InputError, match=message) as error:
        ask()(ROWS[:2])
    assert str(error.value).isprintable() and ask.sleeps == []
    np.testing.assert_array_equal(ask()(ROWS[:2]), scores(ROWS[:2]))


REFUSALS = {
    "shape": (Reply(400, '{"error": "expected 7 features\\u0007"}'), r"\(400; it says: expected 7 features\\x07\); correct"),
    "detail": (Reply(422, '{"detail": [{"msg": "bad datatype"}]}'), "bad datatype"),
    "no words": (Reply(400), "it gives no reason"),
    "many words": (Reply(400, "word " * 1000), "word…|word w…|wor…"),
    "traceback": (
        Reply(400, "Traceback (most recent call last):\n  File x\nValueError: 3 features"),
        "says: ValueError: 3 features",
    ),
    "too large": (Reply(413), "lower `batch`"),
    "forbidden": (Reply(403), "put a valid token into a variable that `token_variable` names"),
    "moved": (Reply(302, headers={"Location": "http://127.0.0.1:9/x"}), "points to http://127.0.0.1:9/x, which is not followed"),
}


@pytest.mark.parametrize(("reply", "message"), REFUSALS.values(), ids=REFUSALS)
def test_what_is_refused_is_told_at_once(server, ask, reply, message):
    server.queue = [reply]
    with pytest.raises(InputError, match=message) as error:
        ask()(ROWS[:2])
    assert len(str(error.value)) < 500 and str(error.value).isprintable()
    assert ask.sleeps == [] and ask().spent == 0


def test_records_on_which_the_service_always_fails_are_soon_given_up(server, ask):
    server.queue = [Reply(500, '{"error": "ValueError: X has 3 features"}')] * 9
    with pytest.raises(InputError, match=r"fails on these records .* X has 3 features"):
        ask()(ROWS[:2])
    assert len(ask.sleeps) == 2


def test_a_model_that_is_not_there(server, ask):
    with pytest.raises(InputError, match="unknown model of the service 'forrest': did you mean forest"):
        ask(model="forrest").metadata()
    with pytest.raises(InputError, match="unknown version of 'forest' '3': known: 1"):
        ask(version="3").metadata()
    with pytest.raises(InputError, match="the model 'tree' is not loaded"):
        ask(model="tree").metadata()
    server.ready = Reply(400, '{"error": "still loading"}')
    with pytest.raises(InputError, match=r"'forest' is not ready; load it in the service .*still loading"):
        ask().metadata()


@pytest.mark.parametrize("found", [[], {}, {"name": "forest", "inputs": [3]}, {"name": "f", "versions": 3}], ids=str)
def test_metadata_of_another_form(server, ask, found):
    server.metadata = found
    with pytest.raises(InputError, match="in another form than version 2"):
        ask().metadata()


def test_another_model_under_the_same_name_is_noticed(server, ask):
    ask()(ROWS[:4])
    server.outputs = lambda rows: [tensor("p", scores(rows)[:, :2])]
    with pytest.raises(InputError, match=r"otherwise than before \(2 scores by version 1; kept: 3 scores by version 1\)"):
        ask()(ROWS)
    server.version = "2"
    with pytest.raises(InputError, match="2 scores by version 2"):
        ask()(ROWS)


@pytest.mark.parametrize(
    ("rows", "datatype", "message"),
    [
        (np.array([[1.0], [np.nan]]), "FP64", "record 2 holds nan, which FP64 in JSON cannot"),
        (np.array([[1e300]]), "FP32", r"record 1 holds 1e\+300"),
        (np.array([[1.5]]), "INT64", r"record 1 holds 1\.5"),
        (np.array([[300]]), "UINT8", "record 1 holds 300"),
        (np.array([["a"]]), "FP64", "say `datatype: BYTES`"),
        (np.ones((0, 3)), "FP64", "there are no records"),
    ],
    ids=["NaN", "overflow", "point", "range", "texts", "none"],
)
def test_records_that_cannot_be_sent(server, ask, rows, datatype, message):
    with pytest.raises(InputError, match=message):
        ask(datatype=datatype)(rows)
    assert server.requests == []


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"url": "127.0.0.1:80"}, "write it as https://host:port"),
        ({"url": "ftp://host"}, "write it as https://host:port"),
        ({"url": "http://host:port"}, "write it as https://host:port"),
        ({"url": "http://host/?a=b"}, "write it as https://host:port"),
        ({"url": "https://me:secret@host"}, "holds a name or password"),
        ({"model": ""}, "names no model"),
        ({"datatype": "fp-64"}, "did you mean FP64"),
        ({"batch": 0}, "`batch` is 0"),
        ({"timeout_s": -1}, "`timeout_s` is -1"),
        ({"per_second": float("nan")}, "`per_second` is nan"),
        ({"token_variable": "sk-secret"}, "no name of an environment variable"),
    ],
    ids=str,
)
def test_an_address_that_cannot_be(wrong, message):
    with pytest.raises(InputError, match=message) as error:
        Address(**{"url": "http://host", "model": "forest", **wrong})
    assert "secret" not in str(error.value)


def test_an_answer_that_is_too_large(server, ask, monkeypatch):
    monkeypatch.setattr("attacks.audit.kinds.line.MAX_RESPONSE", 2**20)
    server.queue = [Reply(body=" " * 2**21)]
    with pytest.raises(InputError, match="more than 1 MiB; lower `batch`"):
        ask()(ROWS)


def test_kept_answers_that_are_damaged(ask):
    ask.folder.mkdir()
    (ask.folder / FILE).write_text("no data base " * 100)
    with pytest.raises(InputError, match=r"answers\.sqlite, where answers and the count of queries are kept, cannot be used"):
        ask()(ROWS)


def test_a_certificate_is_verified(ask, tmp_path, monkeypatch):
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1))
    loopback = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    file = tmp_path / "own.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(builder.add_extension(loopback, critical=False).sign(key, SHA256()).public_bytes(Encoding.PEM) + private)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(file)
    server = InferenceServer(tls)
    try:
        with pytest.raises(
            InputError, match=r"the certificate of https://127\.0\.0\.1:\d+ cannot be verified .*in SSL_CERT_FILE"
        ):
            ask(url=server.url).metadata()
        assert ask.sleeps == []
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        line.certificates.cache_clear()
        np.testing.assert_array_equal(ask(url=server.url)(ROWS), scores(ROWS))
    finally:
        server.stop()
        line.certificates.cache_clear()


# -- the token ---------------------------------------------------------------------------------------------------------

VARIABLE, TOKEN = "MIA_TOKEN", "tok3n-of-the-service"


def test_the_token_goes_to_the_service_and_nowhere_else(server, ask, monkeypatch, caplog, capfd):
    caplog.set_level("DEBUG")
    server.token = TOKEN
    with pytest.raises(InputError, match=r"does not let us in \(401\)"):
        ask()(ROWS)
    monkeypatch.setenv("MIA_TOKEN", f"{TOKEN}\n")
    service = ask(token_variable=VARIABLE)
    np.testing.assert_array_equal(service(ROWS), scores(ROWS))
    said = [repr(service), repr(service.address), str(service.metadata()), caplog.text, *capfd.readouterr()]
    server.queue = [Reply(400, json.dumps({"error": f"Bearer {TOKEN} cannot do that"}))]
    with pytest.raises(InputError, match="Bearer … cannot do that") as error:
        service.anew(ROWS)
    server.queue = [Reply(307, headers={"Location": f"http://127.0.0.1:9/?token={TOKEN}"})]
    with pytest.raises(InputError, match=r"points to http://127\.0\.0\.1:9/\?token=…") as moved:
        service.anew(ROWS)
    said += [str(error.value), str(moved.value), *(path.read_bytes().decode("latin-1") for path in ask.folder.iterdir())]
    assert not any(TOKEN in text for text in said)


def test_a_token_does_not_follow_a_redirect(server, ask, monkeypatch):
    monkeypatch.setenv("MIA_TOKEN", TOKEN)
    other = InferenceServer()
    try:
        server.queue = [Reply(307, headers={"Location": f"{other.url}/v2/models/forest/infer"})]
        with pytest.raises(InputError, match="which is not followed; write that host as `url`"):
            ask(token_variable=VARIABLE)(ROWS)
        assert other.asked == []
    finally:
        other.stop()


@pytest.mark.parametrize(
    ("value", "message"),
    [("", "is not set"), ("two words", "holds no token"), ("tök", "holds no token"), ('a"b', "holds no token")],
)
def test_a_variable_without_a_token(ask, monkeypatch, value, message):
    monkeypatch.setenv("MIA_TOKEN", value)
    with pytest.raises(InputError, match=message):
        ask(token_variable=VARIABLE).metadata()


@pytest.mark.parametrize("package", ["httpx", "tenacity"])
def test_without_the_packages_it_says_which_extra_brings_them(package):
    code = f"import sys; sys.modules[{package!r}] = None; import attacks.audit.kinds.service"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert f"InputError: a model behind HTTP needs the Python package {package} (`pip install mia-atlas[service]`)" in done.stderr
