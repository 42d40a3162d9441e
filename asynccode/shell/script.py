"""The text that runs at the sandbox's end.

Two parts. The *keeper* is a POSIX sh script, process 1 of the sandbox: it starts a shell when
it is told to and says when that shell has ended, so the shell may die in any way it likes.
The *boot lines* make a plain `bash -s` into a session.

The shell reads its commands from the control socket, which is its standard input, so that
Bash's own reader is the loop: there is no loop in Bash for a `break` to leave, nothing for
a `return` to return from, and the end of the socket is the end of the shell. While a step
runs, descriptor 0 is /dev/null and the control socket is parked where Bash parks it: above 10
and closed on exec. No program that a step starts holds it; a socket cannot be opened
through /proc either. Redirections that a step makes with `exec` to 0, 1 and 2 end with it:
a step cannot take away the output of the next.

Descriptors of the shell between two steps: 0 control, 1 output, 2 /dev/null both ways (a step's
input; what `set -x` says of our own lines). Errors kept apart go to a pipe of the keeper's.
"""

from __future__ import annotations

ABORT_SIGNAL = "RTMAX"
"""What stops the step in the shell. Its trap makes Bash skip every command up to the step's
end (`extdebug`: a DEBUG trap that fails skips the command) and leave every loop on the way."""

KEEPER = r"""
shell='SHELL=${SHELL-/bin/bash} exec bash --norc --noprofile -s "$3" ${SHELL+kept}'
shell="$shell "'<&"$1" >&"$2" 2<>/dev/null'
shell="($shell 3>&- 4>&- 5>&- 6>&- 7>&- 8>&-)"
slot() {
  while read -r word <&"$1"; do
    [ "$word" = start ] || continue
    command eval "$shell"
    printf 'exit %d\n' "$?" >&"$1" || exit
  done
}
spare() { if [ -n "$1" ]; then printf 'exit 137\n' >&6; fi; slot 6 7 8; }
command eval 'spare "" & second=$!'
set -- 3 4 5
while read -r word <&3; do
  [ "$word" = start ] || continue
  command eval "$shell"
  status=$?
  kill -0 "$second" 2>/dev/null || command eval 'spare again & second=$!'
  printf 'exit %d\n' "$status" >&3 || exit
done
"""
"""Process 1: descriptors 3 4 5 are control, output and errors of the first shell, 6 7 8 of the
second. The second one's keeper is a child and can be killed; the first is process 1 and not.
`command eval`, since a sh that cannot fork ends, except in a built-in that is not special. What a
dead shell has not read is not for its keeper."""

START = b"start\n"
"""What a keeper waits for before it starts a shell."""

TAKE_NOTE = "builtin jobs >/dev/null"
"""Makes Bash take note of dead jobs without a fork."""

TELL = 'builtin echo TOKEN "$?">&0'
INBAND_TELL = '__ac_t TOKEN "$?"'
"""What says the end of a step; a digit of it may be among a step's IFS."""
ERRORS = '2>"/proc/$PPID/fd/$__ac_e"'
"""Where a step's errors go if they are kept apart."""


def wait(token: str, tell: str = TELL) -> str:
    """Give the line with which the shell waits for a step, and runs it, and says its end.

    It is sent ahead, so that Bash has read it, byte by byte, when the step comes; what is left to
    read then is the code. On the way the lines are made to count from 1, and the code is taken from
    its variable. Descriptor 1 is redirected to itself so that it is restored.
    """
    run = 'builtin eval -- "$__ac_x"<&2 2>&"$[LINENO=__ac_x=1]" >&2'
    return f"__ac_next;{run};{tell.replace('TOKEN', token)}\n"


_BOOT = rf"""
[[ $2 ]] || builtin export -n SHELL  # only told so that Bash need not look into passwd
__ac_e=$1; shift $#
echo 500 >/proc/self/oom_score_adj  # rather than the keeper, which is not to be replaced
__ac_status() {{ return "$1"; }}
__ac_next() {{ builtin mapfile -n 1 -t __ac_x
  [[ $__ac_x ]] || {{ builtin mapfile -n 1 -t __ac_x; builtin eval "$__ac_x"; }}; }}
__ac_skip() {{ if [[ $BASH_COMMAND == "TELL "????????????" \"\$?\""* ]]; then
  builtin trap - DEBUG; builtin shopt -u extdebug; return 0; fi; return 1; }}
trap '[[ IDLE ]] || {{ builtin shopt -s extdebug
  builtin trap "break 9999 2>/dev/null; __ac_skip" DEBUG; break 9999 2>/dev/null; }}' {ABORT_SIGNAL}
"""


def _boot(idle: str, ready: str, tell: str, more: str = "") -> str:
    text = more + _BOOT.replace("IDLE", idle).replace("TELL", tell)
    # It says that it is there before it is quite ready: the step can be on its way meanwhile.
    # Bash reads a script byte by byte, so it is made to take the rest in one piece.
    rest = f'builtin read -r -N {len(text)} __ac_x; builtin eval "$__ac_x"\n{text}'
    return f"builtin echo {ready}\n{rest}"


BOOT = _boot("-S /dev/stdin", "ready $$ >&0", "builtin echo")
"""What makes a plain `bash -s` a session."""

INBAND_KEEPER = r"""
exec 9>&2 2>/dev/null
while read -r word mark; do
  [ "$word" = start ] || continue
  command eval "$before"
  command eval '(SHELL=${SHELL-/bin/bash} exec bash --norc --noprofile -s 9 ${SHELL+kept} \
    9>&- 2<>/dev/null)'
  printf '%s exit %d\n' "$mark" "$?" || exit
done
"""
"""The same for a shell that has nothing but its standard streams: what is said of a step goes
where its output goes, after it, marked with words that nobody in the sandbox knows before."""

_TELL = rf"""
__ac_w() {{
  builtin echo "$@" || for __ac_x in 1 2 3 4 5 6 7 8 9; do builtin echo "$@" && break; done
}}
__ac_t() {{ __ac_w "$@"
  [[ ! $__ac_p ]] || {{ __ac_p=; __ac_w "$1" 0 {ERRORS.replace("2>", ">")}; }}; }}
"""
"""Says the end of a step, and anew when a trapped signal (ours, which stops a step, or one of the
step's own) came while the line waited for room behind the step's output: it is shorter than what a
pipe takes as a whole, so none of it has been written. Says it where the errors go too, if the step
has set `__ac_p`: kept apart, they have an end of their own."""


def inband_boot(mark: str) -> str:
    """Give the boot lines of a shell whose end of a step follows its output."""
    return _boot("/dev/stdin -ef /proc/$PPID/fd/0", f"{mark} ready $$", "__ac_t", _TELL)
