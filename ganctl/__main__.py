"""The ``ganctl`` command; ``python -m ganctl`` is the same."""

import signal
import sys


def main() -> int:
    """Run the command line of this process and return its exit code."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback while all else is imported
    from ganctl.cli.app import main

    return main()


if __name__ == "__main__":
    sys.exit(main())
