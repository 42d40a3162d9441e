"""`python -m asynccode.cli`."""

import sys

from asynccode.cli import main

sys.exit(main())
