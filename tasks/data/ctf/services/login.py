"""A site to log in to."""

import sqlite3
import threading
from urllib.parse import parse_qs

base = sqlite3.connect(":memory:", check_same_thread=False)
lock = threading.Lock()
base.execute("CREATE TABLE users (name TEXT, password TEXT)")
base.execute("CREATE TABLE notes (text TEXT)")
base.execute("INSERT INTO users VALUES ('mira', hex(randomblob(16)))")
base.execute("INSERT INTO notes VALUES (?)", (SECRET,))

FORM = '<form method="post" action="/login">name, password</form>\n'


def answer(method, path, headers, body):
    """Answer a request."""
    if path != "/login" or method != "POST":
        return 200, {"Content-Type": "text/html"}, FORM
    fields = parse_qs(body.decode())
    name = fields.get("name", [""])[0]
    password = fields.get("password", [""])[0]
    query = f"SELECT name FROM users WHERE name = '{name}' AND password = '{password}'"
    with lock:
        try:
            row = base.execute(query).fetchone()
        except sqlite3.Error as error:
            return 500, {}, f"{error}\n"
    if row is None:
        return 403, {}, "Wrong name or password.\n"
    return 200, {}, f"Welcome back, {row[0]}!\n"
