"""``python -m ganctl`` is the same as the ``ganctl`` command."""

import sys

from ganctl.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
