"""Enrols a key of soft-webauthn through the agent's HTTP API and opens a session with it.

Standard input: JSON with `url`, `api_key`, `account`, `origin`. Standard output: JSON with the `device`, the `context`, and
the statuses of what must be refused: a second use of the ceremony, another origin, a key that was never enrolled.
"""

import json
import sys
import urllib.error
import urllib.request
from base64 import urlsafe_b64decode, urlsafe_b64encode

from soft_webauthn import SoftWebauthnDevice

question = json.load(sys.stdin)


def post(path, body):
    request = urllib.request.Request(question["url"] + path, json.dumps(body).encode(), {
        "Authorization": "Bearer " + question["api_key"],
        "Content-Type": "application/json",
    })
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def done(answer):
    status, body = answer
    if status >= 300:
        raise SystemExit(f"{status}: {body}")
    return body


def decoded(text):
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def encoded(value):
    return urlsafe_b64encode(value).decode().rstrip("=")


def as_json(credential):
    """What `PublicKeyCredential.toJSON()` makes of it."""
    return {
        "id": credential["id"].decode().rstrip("="),
        "rawId": encoded(credential["rawId"]),
        "type": credential["type"],
        "response": {name: encoded(value) for name, value in credential["response"].items()},
        "clientExtensionResults": {},
    }


def asked(options):
    options["challenge"] = decoded(options["challenge"])
    if "user" in options:
        options["user"]["id"] = decoded(options["user"]["id"])
    return {"publicKey": options}


def enrol(key):
    begun = done(post("/v1/security-keys/register/begin", {"account": question["account"], "name": "soft"}))
    made = key.create(asked(begun["public_key"]), question["origin"])
    return done(post("/v1/security-keys/register/finish", {"ceremony_id": begun["ceremony_id"], "credential": as_json(made)}))


def begin():
    return done(post("/v1/security-keys/authenticate/begin", {"account": question["account"]}))


def finish(begun, used):
    body = {"account": question["account"], "ceremony_id": begun["ceremony_id"], "credential": as_json(used)}
    return post("/v1/sessions", body)


key = SoftWebauthnDevice()
device = enrol(key)["device"]

begun = begin()
assert decoded(begun["public_key"]["allowCredentials"][0]["id"]) == key.credential_id
used = key.get(asked(begun["public_key"]), question["origin"])
context = done(finish(begun, used))["context"]
replayed, _ = finish(begun, used)

begun = begin()
elsewhere, _ = finish(begun, key.get(asked(begun["public_key"]), "https://localhost.example"))

begun = begin()
stranger = SoftWebauthnDevice()
stranger.cred_init("localhost", None)
stranger.user_handle = key.user_handle
unknown, _ = finish(begun, stranger.get(asked(begun["public_key"]), question["origin"]))

begun = begin()
again, _ = finish(begun, key.get(asked(begun["public_key"]), question["origin"]))

json.dump({
    "device": device,
    "context": context,
    "replayed": replayed,
    "elsewhere": elsewhere,
    "unknown": unknown,
    "again": again,
}, sys.stdout)
