"""Shows pages by name."""

import posixpath
from urllib.parse import parse_qs, urlsplit

FILES = {
    "/srv/pages/index.txt": "Pages: index.txt, about.txt (ask for them with ?page=).\n",
    "/srv/pages/about.txt": "Names with ../ in them are cleaned, so we are safe.\n",
    "/srv/private/flag.txt": f"{SECRET}\n",
}


def answer(method, path, headers, body):
    """Answer a request."""
    name = parse_qs(urlsplit(path).query).get("page", ["index.txt"])[0]
    name = name.replace("../", "")
    place = posixpath.normpath(f"/srv/pages/{name}")
    if place not in FILES:
        return 404, {}, f"There is no {place}.\n"
    return 200, {}, FILES[place]
