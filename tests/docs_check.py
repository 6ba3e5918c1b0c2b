"""``python -m tests.docs_check``: run the commands of README.md and docs/, and say which end well.

Each block runs in a fresh folder that has what a clone has, and besides those of `FILES` that it
names and does not make itself. `SHORTER` makes its work short, `AS_WRITTEN` excepted, and `NOT_RUN`
leaves lines out; what is shortened is printed first, what is not run with its reason. It needs some
25 minutes of a core.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import venv
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from .pages import PAGES, ROOT, Block, Command, blocks, commands

SHORTER = [
    (r"^make demo.*", "make demo EPOCHS=1"),
    (r"^(ganctl train|.* -m ganctl train)(?!.*--(?:data|resume)\b)", r"\1 --data digits"),
    (r"^(?!.*--resume)(.*ganctl train .*--epochs) \d+", r"\1 1"),
    (r"^(.*ganctl train)(?!.*--(?:epochs|resume))", r"\1 --epochs 1"),
    (r"(--resume .*--epochs) \d+", r"\1 2"),
    (r"( -n| --count) \d{4,}", r"\1 500"),
    (r"^(ganctl evaluate(?!.* -n ).*)", r"\1 -n 500"),
    (r"^(python -m benchmarks.train.*)", r"\1 --rounds 1 --steps 10"),
    (r"^python scripts/study_runs.py", "python scripts/study_runs.py --epochs 1"),
    (r"\| display$", "> displayed.png"),
]
"""Patterns and what takes their place: 10,000 digits, an epoch, 500 images, no window."""

AS_WRITTEN = r"\bshapes\b"
"""Lines that are not shortened: the worked example, six minutes of one core."""

NOT_RUN = [
    (r"^make (?!demo)", "a target of the Makefile: it runs for minutes, the tests among it"),
    (r"\bpip (?:install|wheel)\b", "installs packages; the container's steps do it"),
    (r"^docker ", "needs docker"),
    (r"--nnodes", "needs several machines"),
    (r"--provider cuda|--device cuda", "needs a CUDA device"),
]
"""Patterns of lines that are left out, and why."""


FILES = {"gen.onnx": r"^ganctl export gen\.onnx", "pictures.zip": r"(?!)"}
"""Files of one's own that the pages speak of, and the command that makes each."""


def prepare(folder: Path) -> None:
    """Lay out what the commands find: a clone's checkpoints and scripts, and `FILES`."""
    (folder / "checkpoints").mkdir(parents=True)
    for path in (ROOT / "checkpoints").glob("mnist-*.safetensors"):
        shutil.copy(path, folder / "checkpoints")
    (folder / "docs" / "img").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    for name in ("ganctl", "benchmarks", "scripts"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("*.pyc"))
    noise = np.random.default_rng(0)
    with zipfile.ZipFile(folder / "pictures.zip", "w") as archive:
        for number in range(128):
            with archive.open(f"{number:03d}.png", "w") as file:
                pixels = noise.integers(0, 256, (64, 64, 3), np.uint8)
                Image.fromarray(pixels).save(file, "PNG")
    _run("ganctl export gen.onnx --checkpoint mnist-conv-conditional", folder).check_returncode()


def _run(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.run(
        ["bash", "-c", text], cwd=folder, env=environment, capture_output=True, text=True
    )


def shortened(text: str) -> str:
    """Return a command that does less of the same."""
    text = text.removesuffix("…").strip()
    for pattern, instead in [] if re.search(AS_WRITTEN, text) else SHORTER:
        text = re.sub(pattern, instead, text)
    return text


def why_not(text: str) -> str:
    """Return why a command is not run, or ""."""
    return next((reason for pattern, reason in NOT_RUN if re.search(pattern, text)), "")


def to_lay_out(texts: list[str]) -> list[str]:
    """Return those of `FILES` that a fresh clone lacks for these commands.

    They name it before a line of theirs has made it.
    """
    missing = []
    for name, maker in FILES.items():
        first = next((text for text in texts if name in text), None)
        if first and not re.search(maker, first):
            missing.append(name)
    return missing


def check(block: Block, pristine: Path) -> int:
    """Run a block's commands one after the other; return how many failed."""
    failed, found = 0, commands(block)
    if all(why_not(command.text) for command in found):
        for command in found:
            _tell(command, f"not run: {why_not(command.text)}")
        return 0
    expected = any(line.startswith("error: ") for line in block.lines)
    with tempfile.TemporaryDirectory(prefix="ganctl-docs-") as temporary:
        folder = Path(temporary) / "clone"
        shutil.copytree(pristine, folder)
        for name in FILES.keys() - to_lay_out([command.text for command in found]):
            (folder / name).unlink()
        for command in found:
            reason = why_not(command.text)
            if reason:
                _tell(command, f"not run: {reason}")
                continue
            began = time.monotonic()
            done = _run(shortened(command.text), folder)
            seconds = time.monotonic() - began
            if (done.returncode != 0) is expected:
                _tell(command, f"ok, {seconds:.0f} s")
            else:
                failed += 1
                last = done.stderr.strip().splitlines()[-2:]
                _tell(command, f"FAILED with {done.returncode}: {' '.join(last)}")
                print(f"    as: {shortened(command.text)}", flush=True)
    return failed


def check_container(block: Block, pristine: Path) -> int:
    """Carry a Dockerfile's steps out without docker; return how many failed.

    A fresh virtual environment stands for the base image, a folder for its root; the processes get
    no environment variable but PATH.
    """
    with tempfile.TemporaryDirectory(prefix="ganctl-container-") as temporary:
        context, root = Path(temporary) / "context", Path(temporary) / "root"
        shutil.copytree(pristine, context)
        root.mkdir()
        venv.create(root / "venv", with_pip=True)
        wheel = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet"]
        subprocess.run([*wheel, "--wheel-dir", context / "dist", ROOT], check=True)
        here, entry = root, list[str]()
        for line in block.lines:
            word, _, rest = line.partition(" ")
            rest = re.sub(r"(?<![\w.*])/(?=\w)", f"{root}/", rest)
            if word == "COPY":
                source, target = rest.split()
                os.makedirs(os.path.dirname(target), exist_ok=True)
                text, folder = f"cp {source} {target}", context
            elif word == "WORKDIR":
                here = Path(rest)
                here.mkdir()
                continue
            elif word in ("ENTRYPOINT", "CMD"):
                entry += json.loads(rest)
                if word == "ENTRYPOINT":
                    continue
                text, folder = shlex.join(entry), here
            elif word == "RUN":
                text, folder = rest, here
            else:
                assert word == "FROM", line
                continue
            search = f"{root / 'venv/bin'}:/usr/bin:/bin"
            done = subprocess.run(
                ["bash", "-c", text],
                cwd=folder,
                env={"PATH": search},
                capture_output=True,
                text=True,
            )
            if done.returncode:
                _tell(Command(block.place, line), f"FAILED: {done.stderr.strip()}")
                return 1
            _tell(Command(block.place, line), "ok")
    return 0


def _tell(command: Command, how: str) -> None:
    print(f"{command.place}: {command.text}\n    {how}", flush=True)


def main(names: list[str]) -> int:
    """Check the pages whose paths end in one of ``names``; all of them where none is given."""
    pages = [page for page in PAGES if not names or str(page).endswith(tuple(names))]
    print("these stand for what takes long:")
    for pattern, instead in SHORTER:
        print(f"    {pattern}  →  {instead}")
    with tempfile.TemporaryDirectory(prefix="ganctl-docs-") as temporary:
        pristine = Path(temporary) / "pristine"
        prepare(pristine)
        failed = 0
        for block in (block for page in pages for block in blocks(page)):
            container = block.language == "dockerfile"
            failed += (check_container if container else check)(block, pristine)
    print(f"{failed} commands failed" if failed else "all commands that were run ended well")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
