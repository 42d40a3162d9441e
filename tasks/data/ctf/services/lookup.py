"""Looks hosts up."""

import subprocess
from urllib.parse import parse_qs, urlsplit


def answer(method, path, headers, body):
    """Answer a request."""
    host = parse_qs(urlsplit(path).query, separator="&").get("host", [""])[0]
    if not host or " -" in host:
        return 400, {}, "Ask with ?host=NAME.\n"
    done = subprocess.run(
        f"grep -w {host} /etc/hosts",
        shell=True,
        env={"PATH": "/usr/bin:/bin", "FLAG": SECRET},
        capture_output=True,
        timeout=10,
        check=False,
    )
    return 200, {}, done.stdout + done.stderr
