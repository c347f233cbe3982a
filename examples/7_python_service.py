"""A service in Python that demands MFA, with a stock JOSE library.

    python3 examples/7_python_service.py JWKS [MAX_AGE]

JWKS is the agent's /.well-known/jwks.json, as a URL or a file. Prints its address. GET / with `Authorization: Bearer TOKEN`
answers 200 if MFA was proved in the last MAX_AGE seconds (900), and else 401 with the missing proof (RFC 9470).
Needs joserfc 1.8: 1.6 takes a token as valid for the second in which it expires.
"""

import json
import sys
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from joserfc import jwt
from joserfc.jwk import KeySet

ISSUER = "twostep"
AUDIENCE = "twostep"
MAX_AGE = int(sys.argv[2]) if len(sys.argv) > 2 else 900


def keys():
    where = sys.argv[1]
    with urllib.request.urlopen(where) if "://" in where else open(where, "rb") as text:
        return KeySet.import_key_set(json.load(text))


# A service that runs for longer than a key reads them again every minute; what an account has revoked is another list,
# /.well-known/mfa-revocations.
KEYS = keys()


def context(token):
    """The claims of a context in which MFA was present; ValueError for anything else."""
    token = jwt.decode(token, KEYS, algorithms=["EdDSA", "Ed25519", "ES256"])
    # The type tells a context with MFA from one without (RFC 8725, section 3.11).
    if token.header.get("typ") != "mfa+jwt":
        raise ValueError("this is no context with MFA")
    registry = jwt.JWTClaimsRegistry(
        leeway=0,
        iss={"essential": True, "value": ISSUER},
        aud={"essential": True, "value": AUDIENCE},
        exp={"essential": True},
        mfa_present={"essential": True, "value": True},
        mfa_time={"essential": True},
    )
    registry.validate(token.claims)
    return token.claims


class Service(BaseHTTPRequestHandler):
    def do_GET(self):
        sent = self.headers.get_all("Authorization", [])
        if len(sent) > 1:
            # A program behind this one may read the other token.
            return self.refuse('Bearer error="invalid_request"', 400)
        # A scheme has no case, and any blanks may follow it (RFC 9110, section 11).
        scheme, token = ("".join(sent).split(None, 1) + ["", ""])[:2]
        try:
            claims = context(token.strip()) if scheme.lower() == "bearer" else None
        except Exception:
            claims = None
        if claims is None:
            return self.refuse('Bearer error="invalid_token"')
        if time.time() - claims["mfa_time"] > MAX_AGE:
            return self.refuse(f'Bearer error="insufficient_user_authentication", max_age={MAX_AGE}')
        self.answer(200, {"hello": claims["sub"], "proved_with": claims["mfa_serial"]})

    def refuse(self, challenge, status=401):
        self.answer(status, {"error": "prove it is you"}, {"WWW-Authenticate": challenge})

    def answer(self, status, body, headers={}):
        body = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Tokens are nobody's business."""


if __name__ == "__main__":
    service = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    print(f"http://127.0.0.1:{service.server_port}", flush=True)
    service.serve_forever()
