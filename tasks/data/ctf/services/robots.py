"""A site with little to say."""

PLACE, FLAG = SECRET.split()


def answer(method, path, headers, body):
    """Answer a request."""
    if path == "/":
        return 200, {"Set-Cookie": "role=visitor"}, "Nothing to see here.\n"
    if path == "/robots.txt":
        return 200, {}, f"User-agent: *\nDisallow: /{PLACE}\n"
    if path == f"/{PLACE}":
        if "role=admin" in (headers.get("Cookie") or ""):
            return 200, {}, f"For the admin: {FLAG}\n"
        return 403, {"Set-Cookie": "role=visitor"}, "Your role is visitor; this is the admin's.\n"
    return 404, {}, "There is no such page.\n"
