"""Drives Authlib against an issuer, and says in lines of JSON what it saw."""

import json
import os
import sys

from authlib.integrations.requests_client import OAuth2Session

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"


def hear():
    return json.loads(sys.stdin.readline())


def say(**what):
    print(json.dumps(what), flush=True)


def opens(token):
    session = OAuth2Session(token={"access_token": token["access_token"], "token_type": "Bearer"})
    return session.get(issuer + "/api/tokens/current").status_code


ask = hear()
issuer = ask["issuer"]

machine = OAuth2Session(ask["machine"]["id"], ask["machine"]["secret"], scope="orders:read")
token = machine.fetch_token(issuer + "/oauth/token", grant_type="client_credentials")
told = machine.introspect_token(issuer + "/oauth/introspect", token=token["access_token"]).json()
before = opens(token)
machine.revoke_token(issuer + "/oauth/revoke", token=token["access_token"])
say(active=told["active"], scope=token["scope"], before=before, after=opens(token))

app = OAuth2Session(
    ask["app"]["id"],
    ask["app"]["secret"],
    redirect_uri=ask["callback"],
    scope="orders:read",
    code_challenge_method="S256",
)
url, _ = app.create_authorization_url(issuer + "/oauth/authorize", code_verifier=ask["verifier"])
say(url=url)
first = app.fetch_token(
    issuer + "/oauth/token",
    authorization_response=hear()["back"],
    code_verifier=ask["verifier"],
)
second = app.refresh_token(issuer + "/oauth/token", refresh_token=first["refresh_token"])
say(first=opens(first), second=opens(second))
