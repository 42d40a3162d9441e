"""`python -m asynccode`."""

import sys

from asynccode.cli import main

sys.exit(main())
