"""Whether what a policy gave is what a policy gives: checked before anything is made of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import evolve

from asynccode.calls import Call
from asynccode.errors import PolicyError
from asynccode.records import Action, Invalid, Move, Skip, Submit

NUMBERS = (int, float)
CALL_FIELDS: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("reasoning", "finish_reason", "model"), (str, type(None))),
    **dict.fromkeys(("tokens_in", "tokens_out"), (int, type(None))),
    "reply": (Mapping,),
    "requests": (int,),
    "seconds": NUMBERS,
}
LISTS = ("prefix_ids", "token_ids", "logprobs")


def read_move(given: object) -> Move:
    """Give what a policy gave as a move. Raises `PolicyError` that names what is wrong in it."""
    if not isinstance(given, Move):
        return Move(action=_action(given))
    thought = _text(given.thought, "a thought that is", or_none=True)
    return Move(action=_action(given.action), thought=thought, calls=_calls(given.calls))


def calls_of(error: BaseException) -> Sequence[Call]:
    """Give the calls that a policy's error tells of; none where they are no calls."""
    try:
        return _calls(error.calls) if isinstance(error, PolicyError) else ()
    except Exception:  # noqa: BLE001 (the error itself is to be told, not what hangs on it)
        return ()


def _action(given: object) -> Action | Invalid:
    match given:
        case str():
            return _plain(given)
        case Submit():
            answer = _text(given.answer, "a Submit whose answer is", or_none=True)
            if answer is not given.answer:
                given = evolve(given, answer=answer)
        case Skip():
            pass
        case Invalid():
            text = _text(given.text, "an Invalid whose text is") or ""
            message = _text(given.message, "an Invalid whose message is") or ""
            if text is not given.text or message is not given.message:
                given = evolve(given, text=text, message=message)
        case _:
            name = type(given).__name__
            raise PolicyError(f"The policy gave a {name}, not a str, Submit or Skip.")
    str(given)  # as it is recorded: here it may raise
    return given


def _text(given: object, what: str, *, or_none: bool = False) -> str | None:
    if given is None and or_none:
        return None
    if not isinstance(given, str):
        raise PolicyError(f"The policy gave {what} a {type(given).__name__}, not a str.")
    return _plain(given)


def _plain(text: str) -> str:
    """Give the characters themselves, whatever a subclass makes of them."""
    return str.__str__(text)


def _calls(given: object) -> tuple[Call, ...]:
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise PolicyError(f"The policy gave calls that are a {type(given).__name__}, no sequence.")
    for call in given:
        if not isinstance(call, Call):
            raise PolicyError(f"The policy gave a {type(call).__name__} among its calls, no Call.")
        for name, kinds in CALL_FIELDS.items():
            if not isinstance(getattr(call, name), kinds):
                _refuse(name, getattr(call, name))
        for name in LISTS:
            items = getattr(call, name)
            if items is not None:
                if not isinstance(items, Sequence):
                    _refuse(name, items)
                _check_items(name, items, NUMBERS)
        _check_items("messages", call.messages, (Mapping,))
        try:
            json.dumps([call.messages, call.reply], default=_value)
        except Exception as error:
            raise PolicyError(
                f"The policy gave a call whose messages or reply are no JSON: {error}"
            ) from error
    return tuple(given)


def _check_items(name: str, items: Sequence[Any], kinds: tuple[type, ...]) -> None:
    for item in items:
        if not isinstance(item, kinds):
            kind = type(item).__name__
            raise PolicyError(f"The policy gave a call with a {kind} among its {name}.")


def _refuse(name: str, value: object) -> None:
    raise PolicyError(f"The policy gave a call with a {type(value).__name__} as its {name}.")


def _value(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)
