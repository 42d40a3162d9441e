from __future__ import annotations

import sys
from pathlib import Path

import pytest

from asynccode import registry
from asynccode.errors import InputError
from asynccode.interfaces import Policy, Suite
from asynccode.policies import Gold, Noop, Replay
from asynccode.testing.fakes import FakeBackend, FakeSuite

THERE = FakeSuite(1, name="an object")


def make_suite(name: str, *, data: Path | None, compat: str | None, base: str | None) -> Suite:
    return FakeSuite(2, name=f"{name.rpartition(':')[2]} {data} {compat} {base}")


class Seeded(Noop):
    def __init__(self, seed: int) -> None:
        self.seed = seed


class Needy(Noop):
    def __init__(self, model: str) -> None:
        self.model = model


class Abstract(Policy):
    pass


class AbstractSuite(Suite):
    pass


def refusing_suite(name: str, **options: object) -> Suite:
    return registry.load_suite("x")


def broken(*words: str, **options: object) -> Policy:
    raise KeyError("model")


class BrokenSuite(FakeSuite):
    def __init__(self) -> None:
        raise RuntimeError("no data")


class BrokenBackend(FakeBackend):
    def __init__(self) -> None:
        raise OSError("no socket")


def make_policy() -> Policy:
    return Gold()


def test_policies_by_name() -> None:
    assert isinstance(registry.load_policy("gold"), Gold)
    assert isinstance(registry.load_policy("noop"), Noop)
    assert isinstance(registry.load_policy("asynccode.policies:Gold"), Gold)
    assert isinstance(registry.load_policy(f"{__name__}:make_policy"), Gold)


def test_a_policy_that_takes_a_seed_gets_it() -> None:
    policy = registry.load_policy(f"{__name__}:Seeded", seed=5)
    assert isinstance(policy, Seeded)
    assert policy.seed == 5


def test_a_policy_with_an_argument(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    policy = registry.load_policy(f"replay:{tmp_path}")
    assert isinstance(policy, Replay)
    assert policy.source == str(tmp_path)


def test_suites_from_loaders_classes_and_objects() -> None:
    loaded = registry.load_suite(f"{__name__}:make_suite", data=Path("d"), compat="c", base="b")
    assert loaded.name == "make_suite d c b"
    assert registry.load_suite(f"{__name__}:THERE") is THERE
    assert registry.load_suite("asynccode.testing.fakes:FakeSuite").name == "fake"


def test_backends_by_path() -> None:
    name = "asynccode.testing.fakes:FakeBackend"
    assert registry.backend_class(name) is FakeBackend
    assert isinstance(registry.load_backend(name), FakeBackend)


@pytest.mark.parametrize("name", [*registry.BACKENDS])
def test_every_registered_backend_is_one_and_has_its_name(name: str) -> None:
    assert registry.backend_class(name).name == name


@pytest.mark.parametrize("path", [*registry.SUITES.values(), *registry.POLICIES.values()])
def test_everything_registered_is_there(path: str) -> None:
    assert callable(registry.resolve(path))


def refused(load: object, name: str) -> str:
    assert callable(load)
    with pytest.raises(InputError) as caught:
        load(name)
    return str(caught.value)


@pytest.mark.parametrize(
    ("load", "name", "text"),
    [
        (registry.load_policy, "golden", "There is no policy 'golden': did you mean 'gold'? there"),
        (registry.load_policy, "replay:", "There is no policy 'replay:'"),
        (registry.load_policy, "http://x:y", "There is no policy 'http://x:y'"),
        (registry.load_policy, "no.such.module:X", "there is no module 'no'"),
        (registry.load_policy, "asynccode.nowhere:X", "there is no module 'asynccode.nowhere'"),
        (registry.load_policy, "asynccode.policies:Gold2", "asynccode.policies has no 'Gold2'"),
        (registry.load_policy, "json:dumps.__doc__", "gives no asynccode.Policy"),
        (
            registry.load_suite,
            "bsh",
            "There is no suite 'bsh': did you mean 'bash'? there are bash",
        ),
        (registry.load_suite, "intercode/", "There is no suite 'intercode/'"),
        (registry.load_suite, "asynccode.policies:Gold", "gives no asynccode.Suite"),
        (registry.load_backend, "jail", "There is no backend 'jail'"),
        (registry.load_backend, "asynccode.policies:Gold", "is not a subclass"),
    ],
)
def test_what_cannot_be_found_is_named(load: object, name: str, text: str) -> None:
    assert text in refused(load, name)


@pytest.mark.parametrize(
    ("load", "name", "text"),
    [
        (registry.load_policy, "Needy", "The policy '{}' could not be made: TypeError: Needy.__in"),
        (registry.load_policy, "Abstract", "'{}' could not be made: TypeError: Can't instantiate"),
        (registry.load_policy, "broken", "The policy '{}' could not be made: KeyError: 'model'."),
        (
            registry.load_suite,
            "AbstractSuite",
            "The suite '{}' could not be made: TypeError: Can't",
        ),
        (registry.load_suite, "BrokenSuite", "'{}' could not be made: RuntimeError: no data."),
        (registry.load_suite, "broken", "The suite '{}' could not be made: KeyError: 'model'."),
        (registry.load_technology, "BrokenBackend", "could not be made: OSError: no socket."),
    ],
)
def test_what_cannot_be_made_is_named_with_its_reason(load: object, name: str, text: str) -> None:
    whole = f"{__name__}:{name}"
    assert text.format(whole) in refused(load, whole)


def test_a_suite_that_says_itself_what_is_wrong_is_not_spoken_for() -> None:
    with pytest.raises(InputError, match=r"^There is no suite 'x'"):
        registry.load_suite(f"{__name__}:refusing_suite")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "import no_such_driver",
            "ModuleNotFoundError: No module named 'no_such_driver' ({}, line 1)",
        ),
        ("\n\n1 / 0", "ZeroDivisionError: division by zero ({}, line 3)"),
        ("from os import nothing", "ImportError: cannot import name 'nothing' from 'os'"),
        ("def f(:", "SyntaxError: invalid syntax (it_fails.py, line 1)."),
    ],
)
def test_a_module_that_cannot_be_imported_is_named_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, reason: str
) -> None:
    file = tmp_path / "it_fails.py"
    file.write_text(f"{text}\n")
    monkeypatch.syspath_prepend(tmp_path)
    said = refused(registry.load_policy, "it_fails:Mine")
    assert said.startswith("The policy 'it_fails:Mine' cannot be imported: ")
    assert reason.format(file) in said
    assert "it_fails" not in sys.modules
