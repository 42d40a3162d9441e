"""Runs a challenge's service; says `listening` on standard output once it does.

Usage: python3 -I harness.py < SETTINGS; the settings are JSON with `program` (its source),
`secret` and `port`. This file removes itself.

The process makes itself undumpable first: then nobody without CAP_SYS_PTRACE can look into its
memory, its environment or its descriptors, root of a sandbox included. The secret is in its
memory alone, and comes out only where the program lets it out.

A program defines `converse(reader, writer)`, called in a thread of its own for each connection
with two binary files; or `answer(method, path, headers, body)`, called for each HTTP request,
which gives a status, a mapping of headers and a body. `SECRET` is the secret.
"""

import ctypes
import http.server
import json
import os
import socketserver
import sys

PR_SET_DUMPABLE = 4
SECONDS = 60


class Conversation(socketserver.StreamRequestHandler):
    """One connection of a line protocol."""

    timeout = SECONDS

    def handle(self):
        """Let the program converse; a client that goes away is no error."""
        try:
            self.server.program["converse"](self.rfile, self.wfile)
        except (OSError, ValueError):
            pass
        except Exception as error:  # noqa: BLE001 (the client shall see that it broke something)
            self.wfile.write(f"error: {type(error).__name__}\n".encode())


class Request(http.server.BaseHTTPRequestHandler):
    """One HTTP request."""

    timeout = SECONDS
    server_version, sys_version = "httpd", ""

    def respond(self):
        """Let the program answer."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            answer = self.server.program["answer"](self.command, self.path, self.headers, body)
        except Exception as error:  # noqa: BLE001 (as above)
            answer = 500, {}, f"{type(error).__name__}: {error}\n"
        status, headers, text = answer
        data = text if isinstance(text, bytes) else text.encode()
        self.send_response(status)
        for name, value in {"Content-Type": "text/plain; charset=utf-8", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_GET = do_POST = do_HEAD = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = respond

    def log_message(self, *_):
        """Say nothing."""


class Server(socketserver.ThreadingTCPServer):
    """A thread for each connection."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64


def main():
    """Read the settings and serve until somebody kills us."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "cannot be made undumpable")
    os.unlink(sys.argv[0])
    settings = json.load(sys.stdin)
    program = {"SECRET": settings["secret"], "__name__": "service"}
    exec(compile(settings["program"], "service", "exec"), program)
    handler = Request if "answer" in program else Conversation
    with Server(("127.0.0.1", settings["port"]), handler) as server:
        server.program = program
        print("listening", flush=True)
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        server.serve_forever()


main()
