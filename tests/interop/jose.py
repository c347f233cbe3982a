"""Reads contexts with joserfc, and says of each whether it is a valid one in which MFA was present."""

import json
import sys

from joserfc import jwt
from joserfc.jwk import KeySet

question = json.load(sys.stdin)
keys = KeySet.import_key_set(question["jwks"])
claims = jwt.JWTClaimsRegistry(
    now=question["now"],
    leeway=0,
    iss={"essential": True, "value": question["iss"]},
    aud={"essential": True, "value": question["aud"]},
    exp={"essential": True},
    nbf={"essential": True},
    mfa_present={"essential": True, "value": True},
)


def verdict(context):
    try:
        token = jwt.decode(context, keys, algorithms=["EdDSA", "Ed25519", "ES256"])
        # RFC 8725 section 3.11: the explicit type tells one kind of token from another.
        if token.header.get("typ") != "mfa+jwt":
            return "typ is " + str(token.header.get("typ"))
        claims.validate(token.claims)
        return "ok"
    except Exception as error:
        return type(error).__name__ + ": " + str(error)


print(json.dumps({name: verdict(context) for name, context in question["contexts"].items()}))
