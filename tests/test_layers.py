"""The import rules of the design, read from the source, and what each command may load."""

from __future__ import annotations

import ast
import graphlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import ganctl
from ganctl.cli.app import COMMANDS

ROOT = Path(ganctl.__file__).parent

# Which folders a folder may import, beside itself and the modules in ganctl/ ("").
LAYERS: dict[str, set[str]] = {
    "": set(),
    "data": set(),
    "models": set(),
    "inference": {"data"},
    "evaluation": {"data"},
    "runs": {"evaluation"},
    "training": {"data", "models", "evaluation", "runs"},
    "export": {"data", "models", "inference"},
}
LAYERS["api"] = set(LAYERS)
LAYERS["cli"] = set(LAYERS)
ENTRY_POINTS = {"__init__.py": "api", "__main__.py": "cli"}  # they import their layer when used

# Which folders may import a package; all other packages must be for everyone.
OWNERS = {
    "typer": {"cli"},
    "rich": {"cli"},
    "torch": {"models", "training", "export", "api", "cli"},
    "safetensors": {"training"},
    "onnx": {"export"},
    "matplotlib": {"runs"},
    "onnxruntime": {"inference", "evaluation"},
    "google": {"inference"},  # google.protobuf
    "tomli": {""},  # before Python 3.11
}
EVERYWHERE = {"numpy", "PIL"}


FILES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py"))


def imports(file: str) -> Iterator[str]:
    for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, "a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def folder_of(file: str) -> str:
    return ENTRY_POINTS.get(file, file.rpartition("/")[0])


@pytest.mark.parametrize("file", FILES)
def test_every_import_follows_the_layers(file: str) -> None:
    folder = folder_of(file)
    for name in imports(file):
        package, _, rest = name.partition(".")
        if package == "ganctl":
            assert rest == "__version__" or rest not in ganctl.__all__, f"{name}: not its module"
            target = rest.split(".")[0] if (ROOT / rest.split(".")[0]).is_dir() else ""
            assert target in LAYERS[folder] | {"", folder}, name
        elif package not in sys.stdlib_module_names and package not in EVERYWHERE:
            assert folder in OWNERS[package], name


def test_no_module_imports_itself_through_others() -> None:
    """Imports inside functions and under TYPE_CHECKING count too."""
    files = [file for file in FILES if file not in ENTRY_POINTS]
    modules = {"ganctl." + file.removesuffix(".py").replace("/", "."): file for file in files}
    modules = {name.removesuffix(".__init__"): file for name, file in modules.items()}
    graph: dict[str, set[str]] = {}
    for module, file in modules.items():
        graph[module] = set()
        for name in imports(file):
            while name and name not in modules:
                name = name.rpartition(".")[0]
            graph[module] |= {name} - {module, ""}
    list(graphlib.TopologicalSorter(graph).static_order())  # CycleError names the modules


def test_the_map_of_the_code_has_the_same_layers() -> None:
    page = (ROOT.parent / "docs/code.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `ganctl/(\w+)/` \|[^|]*\|([^|]*)\|([^|]*)\|$", page, re.M)
    words = {name: tuple(set(re.findall(r"\w+", cell)) for cell in cells) for name, *cells in rows}
    assert words == {
        folder: (
            targets - {""},
            {package for package, owners in OWNERS.items() if folder in owners},
        )
        for folder, targets in LAYERS.items()
        if folder
    }


BLOCK = """
import sys
for name in {blocked!r}:
    sys.modules[name] = None  # importing it now raises
from ganctl.cli.app import main
code = main({arguments!r})
assert code == {code}, code
print("loaded:", *[name for name in {watched!r} if name in sys.modules])
"""

HEAVY = [
    "torch",
    "torchvision",
    "onnx",
    "onnxscript",
    "safetensors",
    "matplotlib",
    "ganctl.training",
    "ganctl.models",
    "ganctl.export",
]


def run_without(blocked: list[str], arguments: list[str], watched: list[str], cwd: Path) -> str:
    program = BLOCK.format(blocked=blocked, arguments=arguments, watched=watched, code=0)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=cwd, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def test_infer_runs_where_torch_cannot_be_imported(workplace: Path) -> None:
    loaded = run_without(HEAVY, ["infer", "small.onnx", "drawn.png"], ["rich", "PIL"], workplace)
    assert (workplace / "drawn.png").stat().st_size > 1000
    assert loaded == "loaded:"


BASE = [name for name in HEAVY if not name.startswith("ganctl.")]
"""What is missing after a plain ``pip install ganctl``."""


@pytest.mark.parametrize("target", ["small", "small.onnx", "checkpoints/small/best.safetensors"])
def test_info_runs_where_only_the_base_is_installed(target: str, workplace: Path) -> None:
    for options in ([], ["--json"]):
        assert run_without(BASE, ["info", target, *options], ["PIL"], workplace) == "loaded:"


def test_pictures_are_looked_through_where_only_the_base_is_installed(tmp_path: Path) -> None:
    assert run_without(BASE, ["data", "show", "digits"], HEAVY[-3:], tmp_path) == "loaded:"
    assert (tmp_path / "digits-sheet.png").stat().st_size > 10_000


def test_a_walk_through_the_classes_needs_no_torch(conditional: Path, tmp_path: Path) -> None:
    arguments = ["infer", str(conditional / "asked.onnx"), "--digits", "04", "--interpolate", "3"]
    run_without(HEAVY, [*arguments, "walk.gif"], [], tmp_path)
    assert (tmp_path / "walk.gif").read_bytes()[:6] == b"GIF89a"


def test_evaluate_runs_where_torch_cannot_be_imported(workplace: Path, small_data: Path) -> None:
    data = ["--data", str(small_data), "--data-dir", "."]
    for target in ("small.onnx", "drawn", "drawn.npy"):
        if target != "small.onnx":
            run_without(HEAVY, ["infer", "small.onnx", "-n", "50", target], [], workplace)
        options = ["-n", "50", *data, "--report", f"{target}.html"]
        run_without(HEAVY, ["evaluate", target, *options], [], workplace)
        assert (workplace / f"{target}.html").stat().st_size > 10_000


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_showing_help_loads_nothing_heavy(command: str, tmp_path: Path) -> None:
    watched = ["numpy", "PIL", "onnxruntime"]
    assert run_without(HEAVY, [*command.split(), "--help"], watched, tmp_path) == "loaded:"


@pytest.mark.parametrize("arguments", [[], ["--help"], ["--version"]])
def test_listing_the_commands_loads_none_of_them(arguments: list[str], tmp_path: Path) -> None:
    watched = ["rich", "ganctl.config", *(f"ganctl.cli.{command}" for command in COMMANDS)]
    assert run_without(HEAVY, arguments, watched, tmp_path) == "loaded:"


def test_importing_a_module_has_no_side_effect(tmp_path: Path) -> None:
    modules = [
        ".".join(("ganctl", *path.relative_to(ROOT).with_suffix("").parts))
        for path in ROOT.rglob("*.py")
        if path.name not in ("__main__.py", "__init__.py")
    ]
    program = f"""
import importlib, os, sys, threading, torch, torchvision
before = torch.get_rng_state(), torch.get_num_threads(), dict(os.environ), os.getcwd()
for name in {modules!r}:
    importlib.import_module(name)
after = torch.get_rng_state(), torch.get_num_threads(), dict(os.environ), os.getcwd()
assert torch.equal(before[0], after[0]) and before[1:] == after[1:]
"""
    done = subprocess.run(
        [sys.executable, "-c", program, "--no-such-option"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []
