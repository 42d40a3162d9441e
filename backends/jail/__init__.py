"""What is particular to nsjail's jails.

config.py    what a jail sees, what it may use, what it may call: nsjail's configuration
blank.py     an nsjail that is running already and waits for its configuration
seccomp.py   the same policy for programs that nsjail does not start
programs.py  programs beside the shells
sandbox.py   the sandbox: two shells, files, changes, limits
examine.py   finding nsjail, and saying whether and how well it works here
"""
