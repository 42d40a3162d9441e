from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from asynccode.agents.parsing import read_action, read_thought
from asynccode.records import Action, Skip, Submit

CODE = "awk '{ total += NF } END { print total }' A.txt  \n\n\techo \"$X\" | grep 'É;'"


@pytest.mark.parametrize(
    "reply",
    [
        "```bash\n{}\n```",
        "```\n{}\n```",
        "~~~sh\n{}\n~~~",
        "Let me look.\n\n```bash\n{}\n```\n\nThis counts. `ls` is not run.",
        "````bash\n{}\n````",
        "```bash\n{}",
        "   ```Bash title=x\n{}\n   ```",
        "```json\n[1]\n```\n```bash\n{}\n```\n```bash\nrm -r /\n```",
        "```\n\n```\nempty before\n```bash\n{}\n```",
    ],
)
def test_code_in_a_block_is_found_and_not_changed(reply: str) -> None:
    assert read_action(reply.replace("{}", CODE), "bash") == CODE


def test_a_block_in_a_block_is_part_of_the_code() -> None:
    code = "cat > a.md <<'E'\n```\nx\n```\nE"
    assert read_action(f"````bash\n{code}\n````", "bash") == code


@pytest.mark.parametrize(
    ("reply", "language", "action"),
    [
        ("submit", "bash", Submit()),
        ("**Submit**.", "bash", Submit()),
        ("`submit`", "bash", Submit()),
        ("```\nsubmit\n```", "bash", Submit()),
        ("It is done, as asked.\n\nsubmit", "bash", Submit()),
        ("submit 3.50", "bash", Submit(answer="3.50")),
        ("submit: 42", "bash", Submit(answer="42")),
        ("submit[a b]", "bash", Submit(answer="a b")),
        ("`submit picoCTF{_x_}`", "bash", Submit(answer="picoCTF{_x_}")),
        ('```bash\nsubmit "two words"\n```', "bash", Submit(answer='"two words"')),
        ("skip", "bash", Skip()),
        ("`ls -l`", "bash", "ls -l"),
        ("```bash\nsubmit_job.sh\n```", "bash", "submit_job.sh"),
        ("```bash\nsubmit a\nls\n```", "bash", "submit a\nls"),
        ("  SELECT 'a;b' ;\n", "sql", "SELECT 'a;b' ;"),
        ("```mysql\nselect 1\n```", "sql", "select 1"),
        ("```\ncode\n```", "fortran", "code"),
        ("SELECT 1", "bash", None),
        ("I would list the files with ls.", "bash", None),
        ("The submission is ready", "bash", None),
        ("", "bash", None),
        ("```\n```", "bash", None),
    ],
)
def test_what_a_reply_means(reply: str, language: str, action: Action | None) -> None:
    assert read_action(reply, language) == action


@pytest.mark.parametrize("reply", ["```bash\nrm -r /tmp", "select a from", "so I will\nsubmit"])
def test_what_was_cut_off_is_not_run(reply: str) -> None:
    assert read_action(reply, "sql", cut=True) is None
    assert read_action("```bash\nls\n```\nand th", "bash", cut=True) == "ls"


@pytest.mark.parametrize(
    ("reply", "thought", "action"),
    [
        ("Thought: look\nAction:\n```bash\nls  -A\n```", "look", "ls  -A"),
        ("Thought 1: look\nmore\nAction 1: execute[ls [a-z]*]", "look\nmore", "ls [a-z]*"),
        ("**Thought:** look\n**Action:** `ls`\nObservation: a b", "look", "ls"),
        ("Thought: done\nAction: submit", "done", Submit()),
        ("Thought: done\nAction: submit 7\nObservation: right!", "done", Submit(answer="7")),
        ("look\n```bash\nls\n```", "look", "ls"),
        ("Action: skip", None, Skip()),
        ("Thought: nothing to do", "nothing to do", None),
        ("Thought: x\nAction:\n```bash\necho 'Action: y'\n```", "x", "echo 'Action: y'"),
    ],
)
def test_react_replies(reply: str, thought: str | None, action: Action | None) -> None:
    assert read_thought(reply, "bash") == (thought, action)


def test_a_react_reply_that_was_cut_off_is_not_run() -> None:
    assert read_thought("Thought: a\nAction: rm -r /tmp/x", "bash", cut=True) == ("a", None)
    made_up = "Thought: a\nAction: ls\nObservation: and so o"
    assert read_thought(made_up, "bash", cut=True) == ("a", "ls")


def actions_in(record: Any) -> Iterator[str]:
    """Find all actions in a result file, whatever its strategy's format."""
    if isinstance(record, dict):
        for key, value in record.items():
            if key == "actions" and isinstance(value, list):
                yield from (action for action in value if isinstance(action, str))
            elif key == "action" and isinstance(value, str):
                yield value
            else:
                yield from actions_in(value)
    elif isinstance(record, list):
        for value in record:
            yield from actions_in(value)


@pytest.mark.data
@pytest.mark.parametrize("language", ["bash", "sql", "python", "ctf"])
def test_no_recorded_action_is_changed(intercode_data: Path, language: str) -> None:
    """Whatever the strategy: the actions of all result files, as a model would write them."""
    tag = "bash" if language == "ctf" else language
    seen = 0
    for file in sorted((intercode_data / "results" / language).glob("*.json")):
        for action in actions_in(json.loads(file.read_text())):
            if not action.strip() or action.startswith(("submit", "skip")):
                continue
            fence = "`````" if "```" in action else "```"
            reply = f"Thought: so\nAction:\n{fence}{tag}\n{action}\n{fence}\nDone."
            assert read_action(reply, tag) == action
            assert read_thought(reply, tag) == ("so", action)
            seen += 1
    assert seen >= {"bash": 800, "sql": 5000, "python": 200, "ctf": 20}[language]
