"""What is particular to nsjail's jails.

config.py    what a jail sees and what it may use: nsjail's configuration
rights.py    what a jail's processes may do, and what they may call
blank.py     an nsjail that is running already and waits for its configuration
outpost.py   our end of its runner, if its process 1 is to be an image's shell
seccomp.py   the same policy for programs that nsjail does not start
programs.py  programs beside the shells
sandbox.py   the sandbox: two shells or a runner, files, changes, limits
examine.py   finding nsjail, and saying whether and how well it works here
"""
