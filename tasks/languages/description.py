"""Reading the description of a language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import attrs
from attrs import field, frozen, validators

from asynccode.errors import InputError
from asynccode.tasks.rewards.comparers import COMPARERS

FOLDER = Path(__file__).parent
_text = validators.instance_of(str)


def _words(_: object, attribute: Any, value: object) -> None:
    if not (isinstance(value, list | tuple) and all(isinstance(word, str) for word in value)):
        raise TypeError(f"{attribute.name!r} must be a list of words, not {value!r}")


def _seconds(_: object, attribute: Any, value: object) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or value <= 0:
        raise ValueError(f"{attribute.name!r} must be a number of seconds, not {value!r}")


def _name(_: object, attribute: Any, value: str) -> None:
    if not value or "/" in value or value.startswith((".", "-")):
        raise ValueError(f"{attribute.name!r} must be a plain file name, not {value!r}")


@frozen(kw_only=True)
class Example:
    """A program that shows that the language works: `code` makes `output` of `input`."""

    code: str = field(validator=_text)
    input: str = field(default="", validator=_text)
    output: str = field(validator=_text)


@frozen(kw_only=True)
class Language:
    """How a program of a language is kept, compiled and run, from the folder it is in."""

    name: str = field(validator=_text)
    file: str = field(validator=(_text, _name))
    """What a program's file is called."""
    run: Sequence[str] = field(validator=(_words, validators.min_len(1)))
    compile: Sequence[str] = field(default=(), validator=_words)
    """Empty where programs are run as they are."""
    repl: Sequence[str] = field(default=(), validator=_words)
    """Starts the language's own prompt; empty if it has none."""
    prompt: str = field(default="", validator=_text)
    """A regular expression of that prompt."""
    compile_seconds: float = field(default=30.0, validator=_seconds)
    """Wall time of compiling, in seconds."""
    run_seconds: float = field(default=10.0, validator=_seconds)
    """Wall time of one run, in seconds."""
    compare: str = field(default="normalised", validator=validators.in_(COMPARERS))
    """How outputs are compared: a name of `asynccode.tasks.rewards.comparers`."""
    packages: Sequence[str] = field(default=(), validator=_words)
    """Debian's packages that it needs."""
    env: Mapping[str, str] = field(factory=dict, validator=validators.instance_of(dict))
    """Variables for compiling and running."""
    example: Example


def read(path: Path) -> Language:
    """Read a description. Raises `InputError`, in one sentence, if it is not one."""
    try:
        import yaml
    except ImportError:
        raise InputError(
            "Languages are described in YAML: pip install 'asynccode[languages]'."
        ) from None
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path} cannot be read: {' '.join(str(error).split())}.") from error
    try:
        return _language(raw)
    except (TypeError, ValueError) as error:
        said = str(error.args[0] if error.args else error)
        raise InputError(f"{path} does not describe a language: {said}.") from error


def _language(raw: object) -> Language:
    example = _fields(raw, Language).get("example")
    return Language(**{**_fields(raw, Language), "example": Example(**_fields(example, Example))})


def _fields(raw: object, kind: type[Any]) -> dict[str, Any]:
    """Check the names of a mapping's fields against a record's."""
    what = kind.__name__.lower()
    if not isinstance(raw, dict):
        raise TypeError(f"the {what} is not a mapping of names to values")
    fields = {one.name: one for one in attrs.fields(kind)}
    if unknown := [str(name) for name in raw if name not in fields]:
        known = ", ".join(fields)
        raise ValueError(f"there is no field {unknown[0]!r} of the {what}; there are {known}")
    for name, one in fields.items():
        if one.default is attrs.NOTHING and name not in raw:
            raise ValueError(f"the field {name!r} of the {what} is missing")
    return raw


@cache
def languages() -> tuple[str, ...]:
    """Give the names of the languages that are described here."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


@cache
def load(name: str) -> Language:
    """Give a language by name, or by the path of a description of one's own.

    Raises `InputError` if there is none.
    """
    if name in languages():
        return read(FOLDER / f"{name}.yaml")
    if name.endswith((".yaml", ".yml")):
        return read(Path(name))
    raise InputError(
        f"There is no language {name!r}; there are {', '.join(languages())}, and any file.yaml."
    )
