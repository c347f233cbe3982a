"""Registrations of real authenticators, out of the tests that other relying parties' libraries ship.

Reads the text files of packages and writes a JSON array. Nothing of theirs is run: an attestation object and client data that stand
next to each other are a registration. Packages: what tests/run has unpacked in `sources` beside this Python's own files, and
webauthn-rs-core in cargo's registry.
"""

import base64
import binascii
import datetime
import glob
import hashlib
import json
import os
import re
import sys

LITERAL = re.compile(rb"[A-Za-z0-9+/_-]{40,}={0,2}(?:\r?\n[A-Za-z0-9+/_-]+={0,2})*")
PARTS = (b"fmt", b"attStmt", b"authData")
# How many characters the two may stand from each other.
NEAR = 12_000


def decoded(literal):
    literal = re.sub(rb"\s", b"", literal).rstrip(b"=").replace(b"+", b"-").replace(b"/", b"_")
    try:
        return base64.urlsafe_b64decode(literal + b"=" * (-len(literal) % 4))
    except (ValueError, binascii.Error):
        return b""


def client_data(data):
    try:
        members = json.loads(data.decode("utf-8-sig"))
    except ValueError:
        return None
    if isinstance(members, dict) and members.get("type") == "webauthn.create" and "challenge" in members:
        return members
    return None


def rp_id(origin, attestation_object):
    """The suffix of the origin's host whose hash the authenticator data begin with."""
    labels = re.sub(r"^[a-z]+://|[:/].*$", "", origin).split(".")
    names = [".".join(labels[start:]) for start in range(len(labels))]
    return next((name for name in names if hashlib.sha256(name.encode()).digest() in attestation_object), None)


def der(data, place):
    """Tag, contents and end of the ASN.1 value at `place`."""
    tag, length, place = data[place], data[place + 1], place + 2
    if length & 0x80:
        width = length & 0x7F
        length, place = int.from_bytes(data[place : place + width], "big"), place + width
    return tag, data[place : place + length], place + length


def parts(contents):
    place = 0
    while place < len(contents):
        start = place
        _, inside, place = der(contents, place)
        yield contents[start:place], inside


def certificate(data):
    """The subject of a certificate in DER, and when its validity begins, as `YYYYMMDDhhmmss`."""
    try:
        fields = list(parts(next(parts(der(data, 0)[1]))[1]))
        fields = fields[1:] if fields[0][0][0] == 0xA0 else fields
        tag, begins, _ = der(fields[3][1], 0)
        begins = begins.decode().rstrip("Z")
        return fields[4][0], begins if tag == 0x18 else ("19" if begins[:2] >= "50" else "20") + begins
    except (IndexError, StopIteration, UnicodeDecodeError):
        return None


def recorded_at(attestation_object):
    """An hour after the first certificate began, in seconds since 1970; none without one."""
    place = attestation_object.find(b"cx5c")
    if place < 0 or attestation_object[place + 5 : place + 6] != b"\x59":
        return None
    found = certificate(attestation_object[place + 8 :])
    if not found:
        return None
    begins = datetime.datetime.strptime(found[1], "%Y%m%d%H%M%S").replace(tzinfo=datetime.timezone.utc)
    return int(begins.timestamp()) + 3600


def anchors(path):
    """Certificates in PEM, and those of a metadata statement."""
    with open(path, "rb") as file:
        text = file.read()
    for block in re.findall(rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\\\s]+?)-----END", text):
        yield decoded(block.replace(b"\\n", b""))
    if path.endswith("metadata.json"):
        for literal in re.findall(rb'"(MII[A-Za-z0-9+/=\s]{200,})"', text):
            yield decoded(literal)


def read(package, path):
    with open(path, "rb") as file:
        text = file.read()
    objects, clients = [], []
    for found in LITERAL.finditer(text):
        data = decoded(found.group())
        if data[:1] in (b"\xa3", b"\xa4", b"\xa5") and all(part in data for part in PARTS):
            objects.append((found.start(), data))
        elif data[:1] == b"{" and client_data(data):
            clients.append((found.start(), data))
    for place, attestation_object in objects:
        candidates = []
        for other, data in sorted(clients, key=lambda item: abs(item[0] - place)):
            name = rp_id(client_data(data)["origin"], attestation_object)
            if name and abs(other - place) <= NEAR + len(attestation_object) * 2:
                about = {"rp_id": name, **{member: client_data(data)[member] for member in ("origin", "challenge")}}
                candidates.append({**about, "client_data": base64.b64encode(data).decode()})
        if candidates:
            yield {
                "package": package,
                "at": recorded_at(attestation_object),
                "attestation_object": base64.b64encode(attestation_object).decode(),
                # Which of those that stand near was signed, only the signature tells.
                "candidates": candidates,
            }


def packages():
    for folder in sorted(glob.glob(os.path.join(sys.prefix, "sources", "*"))):
        yield os.path.basename(folder), folder
    cargo = os.environ.get("CARGO_HOME", os.path.expanduser("~/.cargo"))
    for folder in sorted(glob.glob(os.path.join(cargo, "registry", "src", "*", "webauthn-rs-core-*"))):
        yield "webauthn-rs-core", folder


registrations, trusted = {}, {}
for package, folder in packages():
    for path in sorted(glob.glob(os.path.join(folder, "**", "*"), recursive=True)):
        if path.endswith((".py", ".js", ".json", ".pem")):
            for found in anchors(path):
                about = certificate(found)
                if about:
                    trusted[found] = about[0]
        if path.endswith((".py", ".js", ".rs")):
            for registration in read(package, path):
                registrations.setdefault(registration["attestation_object"], registration)
for attestation_object, registration in registrations.items():
    data = base64.b64decode(attestation_object)
    named = [anchor for anchor, subject in trusted.items() if subject in data and subject != b"\x30\x00"]
    registration["anchors"] = [base64.b64encode(anchor).decode() for anchor in named]
json.dump(list(registrations.values()), sys.stdout)
