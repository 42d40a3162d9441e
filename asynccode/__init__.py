"""Run thousands of interactive coding episodes at once, each in a private world, scored fairly.

A map of the layers, each of which knows only those below it:

    cli                     the commands
    workspace               one world, for programs of your own; EMBEDDING.md
    agents                  chat models and strategies
    rollout                 many episodes in one event loop
    episode  policies       one episode (its turns: attempt); whoever acts in it
    pool  admission         ready sandboxes; how many the machine can take
    runfolder  statistics   what is kept of a run; what is counted
    terminal                a program on a terminal, driven step by step
    registry                names of what lives in `asynccode.backends` and `asynccode.tasks`
    interfaces              Backend, Sandbox, Session, Program, Environment, Policy, Suite
    databases               databases as private worlds: records, sessions, results
    escapes                 what other people's code lets out
    budget  feedback        what an episode may spend; what an agent is told
    records  calls  outcomes  tasks, actions, steps, episodes; calls to models; results, limits
    containerfile           an image described as engines describe it
    images  errors          what a sandbox starts from; the one error tree
"""

from asynccode.budget import Budget
from asynccode.calls import Call
from asynccode.databases import (
    Database,
    DatabaseBackend,
    DatabaseSession,
    DatabaseWorld,
    ResultSet,
)
from asynccode.episode import play
from asynccode.errors import (
    AsynccodeError,
    BackendError,
    ContextOverflow,
    ImageError,
    InputError,
    PolicyError,
    ProtocolError,
    SandboxLost,
    TaskDataError,
    Unavailable,
)
from asynccode.feedback import Feedback
from asynccode.images import Commands, Entry, Image, Manifest, Run
from asynccode.interfaces import (
    Backend,
    Environment,
    Health,
    Policy,
    Program,
    Sandbox,
    Session,
    Suite,
    Technology,
    World,
    Worlds,
    sandbox_of,
)
from asynccode.outcomes import Change, ChangeKind, ExecResult, Limits, Outcome, Window
from asynccode.pool import Pool
from asynccode.records import (
    Action,
    Brief,
    Episode,
    Invalid,
    Move,
    Skip,
    Step,
    StepResult,
    StopReason,
    Submit,
    Task,
    Turn,
)
from asynccode.registry import load_backend, load_databases, load_policy, load_suite
from asynccode.rollout import Rollout, rollout
from asynccode.statistics import Statistics, Tally
from asynccode.workspace import Workspace

# Not in __all__: `from asynccode import *` must leave the built-in `open` alone.
from asynccode.workspace import open as open  # noqa: A004

__all__ = [
    "Action",
    "AsynccodeError",
    "Backend",
    "BackendError",
    "Brief",
    "Budget",
    "Call",
    "Change",
    "ChangeKind",
    "Commands",
    "ContextOverflow",
    "Database",
    "DatabaseBackend",
    "DatabaseSession",
    "DatabaseWorld",
    "Entry",
    "Environment",
    "Episode",
    "ExecResult",
    "Feedback",
    "Health",
    "Image",
    "ImageError",
    "InputError",
    "Invalid",
    "Limits",
    "Manifest",
    "Move",
    "Outcome",
    "Policy",
    "PolicyError",
    "Pool",
    "Program",
    "ProtocolError",
    "ResultSet",
    "Rollout",
    "Run",
    "Sandbox",
    "SandboxLost",
    "Session",
    "Skip",
    "Statistics",
    "Step",
    "StepResult",
    "StopReason",
    "Submit",
    "Suite",
    "Tally",
    "Task",
    "TaskDataError",
    "Technology",
    "Turn",
    "Unavailable",
    "Window",
    "Workspace",
    "World",
    "Worlds",
    "load_backend",
    "load_databases",
    "load_policy",
    "load_suite",
    "play",
    "rollout",
    "sandbox_of",
]

__version__ = "0.1.0"
