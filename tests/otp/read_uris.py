"""Reads key URIs with pyotp. For each line "URI<TAB>number": issuer and name in hex, and the code at that time or at so
many presses from the counter of the URI."""
import sys

import pyotp

for line in sys.stdin:
    uri, number = line.rstrip("\n").split("\t")
    otp = pyotp.parse_uri(uri)
    code = otp.at(int(number))
    print((otp.issuer or "").encode().hex(), otp.name.encode().hex(), code, sep="\t")
