"""Opens a session with the generated client, looks at it, and is refused the same code again.

    TWOSTEP_API_KEY=… TWOSTEP_CODE=… python3 generated_client.py URL ACCOUNT SERIAL
"""

import os
import sys

from twostep_client import AuthenticatedClient
from twostep_client.api.health import health_revocations
from twostep_client.api.sessions import sessions_introspect, sessions_open
from twostep_client.models import Introspect, OpenSession, Problem

url, account, serial = sys.argv[1:]
client = AuthenticatedClient(base_url=url, token=os.environ["TWOSTEP_API_KEY"])
body = OpenSession(account=account, serial=serial, code=os.environ["TWOSTEP_CODE"])

opened = sessions_open.sync(client=client, body=body)
seen = sessions_introspect.sync(client=client, body=Introspect(token=opened.token))
again = sessions_open.sync(client=client, body=body)
assert isinstance(again, Problem), again
assert health_revocations.sync(client=client).count(".") == 2
print(opened.context.account, opened.context.mfa_present, seen.active, again.code)
