"""Signals at any moment: no traceback, nothing swallowed, no litter."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import nullcontext
from pathlib import Path

import pytest

from ganctl.cli.signals import caught_signals

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


def run(code: str, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run ``code``, which sends itself a signal, in a process of its own."""
    return subprocess.run(
        [*command, sys.executable, "-c", textwrap.dedent(code)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *sys.path])},
    )


@pytest.mark.parametrize("number", CODES)
def test_a_signal_while_a_module_is_imported_ends_at_once(
    number: signal.Signals, tmp_path: Path
) -> None:
    swallowing = f"import os\ntry: os.kill(os.getpid(), {number:d})\nexcept BaseException: pass\n"
    (tmp_path / "swallowing.py").write_text(swallowing, "utf-8")
    done = run(
        """
        from ganctl.cli.signals import end_on_signals
        end_on_signals()
        import swallowing
        print("went on")
        """,
        tmp_path,
    )
    assert (done.returncode, done.stdout, done.stderr) == (CODES[number], "", "")


@pytest.mark.parametrize("number", CODES)
def test_elsewhere_it_cleans_up_first(number: signal.Signals, tmp_path: Path) -> None:
    done = run(
        f"""
        import os, sys
        from ganctl.cli import app, screen
        from ganctl.files import atomic_file
        from pathlib import Path

        def draw(*_):
            with atomic_file(Path("half")) as file:
                file.write(b"half")
                os.kill(os.getpid(), {number:d})

        screen.result = draw
        sys.exit(app.main(["--version"]))
        """,
        tmp_path,
    )
    assert (done.returncode, done.stdout, done.stderr) == (CODES[number], "", "")
    assert list(tmp_path.iterdir()) == []


def test_nohup_is_respected(tmp_path: Path) -> None:
    code = """
        import os, signal
        from ganctl.cli.signals import caught_signals, end_on_signals
        end_on_signals()
        os.kill(os.getpid(), signal.SIGHUP)
        with caught_signals(print) as caught:
            os.kill(os.getpid(), signal.SIGHUP)
        print("went on", caught)
        """
    assert run(code, tmp_path).returncode == 129
    assert run(code, tmp_path, "nohup").stdout == "went on []\n"


def test_signals_are_caught_once_and_ctrl_c_ends_the_second_time() -> None:
    before, said = [signal.getsignal(number) for number in CODES], []
    with (
        pytest.raises(KeyboardInterrupt),
        caught_signals(lambda: said.append("last words")) as caught,
    ):
        os.kill(os.getpid(), signal.SIGHUP)
        assert (caught, said) == ([signal.SIGHUP], [])
        os.kill(os.getpid(), signal.SIGINT)
    assert said == ["last words"]
    assert [signal.getsignal(number) for number in CODES] == before


@pytest.mark.parametrize("launched", [False, True])
@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_a_second_ctrl_c_comes_as_sigterm_under_torchrun_alone(
    first: signal.Signals, launched: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    if launched:
        monkeypatch.setenv("TORCHELASTIC_RUN_ID", "one")
    ends, said = launched and first == signal.SIGINT, list[str]()
    with pytest.raises(SystemExit, match="143") if ends else nullcontext():
        with caught_signals(lambda: said.append("last words")) as caught:
            os.kill(os.getpid(), first)
            os.kill(os.getpid(), signal.SIGTERM)
    assert caught == ([first] if ends else [first, signal.SIGTERM])
    assert said == (["last words"] if ends else [])


def test_the_last_words_are_said_in_an_import_too(tmp_path: Path) -> None:
    twice = "import os\nfor _ in range(2): os.kill(os.getpid(), 2)\n"
    (tmp_path / "twice.py").write_text(twice, "utf-8")
    done = run(
        """
        from ganctl.cli.signals import caught_signals
        with caught_signals(lambda: print("last words", flush=True)):
            import twice
        """,
        tmp_path,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "last words\n", "")


def test_a_signal_at_any_time_of_the_start_ends_it(trained: Path, tmp_path: Path) -> None:
    """The start takes some 0.3 s; the drawing would take minutes."""
    model = str(trained / "small.onnx")
    command = [sys.executable, "-m", "ganctl", "infer", model, "-n", "9000000", "out.npy"]
    for tenths in range(1, 13, 2):
        process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE)
        time.sleep(tenths / 10)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=20)
        assert (process.returncode in (143, -signal.SIGTERM), err) == (True, b"")


def test_what_is_ignored_stays_ignored_after_the_first_signal() -> None:
    """As Ctrl-C is by a program that a shell has started in the background."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with caught_signals(lambda: None) as caught:
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGINT)
        assert caught == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGINT, before)
