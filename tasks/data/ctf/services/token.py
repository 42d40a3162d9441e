"""A site with signed tokens: /token gives one, /flag wants an admin's."""

import base64
import hashlib
import hmac
import json

WORD, FLAG = SECRET.split()


def sign(body):
    """Sign a token's body."""
    return hmac.new(WORD.encode(), body.encode(), hashlib.sha256).hexdigest()


def answer(method, path, headers, body):
    """Answer a request."""
    if path == "/token":
        body = base64.urlsafe_b64encode(json.dumps({"name": "you", "role": "guest"}).encode())
        return 200, {}, f"{body.decode()}.{sign(body.decode())}"
    if path == "/flag":
        token = (headers.get("Authorization") or "").removeprefix("Bearer ")
        body, _, mac = token.partition(".")
        if not hmac.compare_digest(sign(body), mac):
            return 403, {}, "That is not our signature.\n"
        if json.loads(base64.urlsafe_b64decode(body))["role"] != "admin":
            return 403, {}, "For admins.\n"
        return 200, {}, f"{FLAG}\n"
    return 200, {}, "/token gives a token, /flag wants one.\n"
