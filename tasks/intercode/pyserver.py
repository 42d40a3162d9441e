"""The original's Python server (docker/utils/python_server.py), as a text for an interpreter.

It ran in the container: one namespace for everything, `exec` with the streams replaced by
buffers, and a result that is a dictionary of texts. Here the same code runs in our interpreter,
and its result comes as a line of JSON.

Known deviations: what the server had imported, agents could use: `sys` and `StringIO` are here,
`rpyc` is not. A result longer than `Limits.output_bytes` counts as one that never came.
"""

from __future__ import annotations

import json
import secrets
from typing import Any

from asynccode.errors import BackendError
from asynccode.interfaces import Session
from asynccode.outcomes import Outcome
from asynccode.tasks.intercode.quoting import OriginalCrashError

SECONDS = 30.0
"""How long the original's client waited for its server (rpyc's default)."""
EXPIRED = "result expired"
RESET = "RESET_CONTAINER_SPECIAL_KEYWORD"

SERVER = r"""
import sys
from io import StringIO
ORIGINAL_GLOBAL = dict(__name__="__main__", sys=sys, StringIO=StringIO, __builtins__=__builtins__)
class Server:
    namespace = dict(ORIGINAL_GLOBAL)
    def execute(self, command):
        try:
            if command == "RESET_CONTAINER_SPECIAL_KEYWORD":
                self.namespace = dict(ORIGINAL_GLOBAL)
            output_buffer = StringIO()
            error_buffer = StringIO()
            sys.stdout = output_buffer
            sys.stderr = error_buffer
            exec(command, self.namespace)
            sys.stdout = sys.__stdout__
            sys.stderr = sys.__stderr__
            output = output_buffer.getvalue().strip()
            error = error_buffer.getvalue().strip()
            return {"output": output, "error": error}
        except Exception as e:
            return {"error": f"Error: {e}"}
import json
import types
sys.modules["asynccode_server"] = types.SimpleNamespace(server=Server(), dumps=json.dumps)
"""
_CALL = """
import sys
m = sys.modules["asynccode_server"]
r = m.server.execute({command!r})
sys.__stdout__.write("\\n{mark}" + m.dumps(r) + "\\n")
"""

Result = dict[str, str]
"""`output` and `error`, or `error` alone if there was an exception."""


class Server:
    """The server in one interpreter."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def start(self) -> None:
        """Make the interpreter a server."""
        result = await self._session.run(SERVER)
        if result.outcome is not Outcome.OK:
            raise BackendError(f"InterCode's Python server does not start: {result.text}")

    async def execute(self, command: str) -> Result:
        """Have a command executed.

        Raises `TimeoutError` where the original's client did, and `OriginalCrashError` for what
        was no `Exception` to the server (`sys.exit`) or ended it.
        """
        mark = secrets.token_hex(8)
        code = _CALL.format(command=command.replace("\0", ""), mark=mark)
        result = await self._session.run(code, seconds=SECONDS)
        _, found, rest = result.text.rpartition(f"\n{mark}")
        if result.restarted:
            await self.start()
        if result.outcome is Outcome.OK and found:
            answer: Any = json.loads(rest.partition("\n")[0])
            return dict(answer)
        if result.outcome in (Outcome.TIMEOUT, Outcome.OUTPUT_LIMIT):
            raise TimeoutError(EXPIRED)
        raise OriginalCrashError(f"the server's client got {result.text.strip()[-200:]!r}")
