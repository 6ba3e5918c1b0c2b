"""What README.md and docs/ say: their commands parse, their links lead somewhere."""

from __future__ import annotations

import ast
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from ganctl.cli.app import app

from .docs_check import NOT_RUN, SHORTER, shortened, why_not
from .pages import PAGES, ROOT, Command, all_commands, blocks, ganctl_arguments

COMMANDS = [command for command in all_commands() if ganctl_arguments(command.text) is not None]

DOCS = [page for page in PAGES if page.parent == ROOT / "docs"]


@pytest.mark.parametrize("command", COMMANDS, ids=[command.place for command in COMMANDS])
def test_every_command_parses(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("run.toml").touch()  # a command before wrote it
    arguments, parser = ganctl_arguments(command.text), typer.main.get_command(app)
    assert arguments is not None
    name = "ganctl"
    while hasattr(parser, "get_command"):
        if not arguments or arguments[0].startswith("-"):  # of ganctl itself, such as --version
            break
        name = arguments.pop(0)
        parser = parser.get_command(parser.make_context("ganctl", [name]), name)
        assert parser is not None, f"there is no command {name}"
    try:
        parser.make_context(name, arguments)
    except typer.Exit:
        pass  # --help and --version end at once


def test_docs_check_shortens_what_takes_long_and_has_no_rule_too_many() -> None:
    assert shortened("ganctl train --epochs 200") == "ganctl train --data digits --epochs 1"
    assert shortened("ganctl train --resume a --epochs 9") == "ganctl train --resume a --epochs 2"
    assert shortened("ganctl evaluate a -n 2000") == "ganctl evaluate a -n 500"
    assert shortened("ganctl infer gen.onnx -n 64") == "ganctl infer gen.onnx -n 64"
    texts = [command.text for command in all_commands()]
    for pattern, _ in NOT_RUN:
        assert any(re.search(pattern, text) for text in texts), pattern
    for pattern, _ in SHORTER:
        assert any(re.search(pattern, text) for text in texts if not why_not(text)), pattern


def links(page: Path) -> list[str]:
    prose = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    return re.findall(r"\]\(([^)\s]+)\)", prose)


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        path, _, part = link.partition("#")
        target = page.parent / path if path else page
        if path.startswith("https://"):
            continue
        assert target.exists(), link
        if part:
            headings = re.findall(r"^#+ (.*)", target.read_text(encoding="utf-8"), re.M)
            anchors = {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}
            assert part in anchors, link


def test_the_readme_links_every_page() -> None:
    assert {str(page.relative_to(ROOT)) for page in DOCS} <= set(links(ROOT / "README.md"))


def defined(path: Path) -> set[str]:
    """Return the names that a module defines, methods as CLASS.METHOD."""
    names: set[str] = set()

    def walk(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                names.add(prefix + node.name)
            if isinstance(node, ast.ClassDef):
                walk(node.body, f"{prefix}{node.name}.")
            if isinstance(node, ast.Assign):
                names.update(prefix + t.id for t in node.targets if isinstance(t, ast.Name))
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                names.add(prefix + node.target.id)

    walk(ast.parse(path.read_text(encoding="utf-8")).body, "")
    return names


def test_every_name_in_the_code_that_the_pages_point_to_is_there() -> None:
    """They write [`name`](../ganctl/file.py), or a dataclass's field as [`Class.field`](…)."""
    count = 0
    for page in DOCS:
        pattern = r"\[`([\w.]+)`\]\((\S+\.py)\)"
        for name, link in re.findall(pattern, page.read_text(encoding="utf-8")):
            path = page.parent / link
            if name != path.name and not name.endswith("/" + path.name):
                assert name in defined(path), f"{page.name}: {link} has no {name}"
                count += 1
    assert count >= 20


def messages() -> Iterator[str]:
    """Yield every text in the code, … for what it fills in."""
    for path in (ROOT / "ganctl").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
            elif isinstance(node, ast.JoinedStr):
                parts = [p.value if isinstance(p, ast.Constant) else "…" for p in node.values]
                yield re.sub("…+", "…", "".join(map(str, parts)))


def has_in_turn(message: str, parts: list[str]) -> bool:
    at = 0
    for part in parts:
        at = message.find(part, at) + len(part)
        if at < len(part):
            return False
    return True


def test_ganctl_prints_every_message_in_troubleshooting() -> None:
    """Each headline in backticks is a message, … for what differs from time to time."""
    page = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
    told = re.findall(r"^- `([^`]+)`", page, re.M)
    known = {" ".join(text.split()) for text in messages()}
    long = [text for text in known if len(text.replace("…", "")) >= 12]
    assert len(told) >= 30
    for message in told:
        assert any(has_in_turn(message, text.split("…")) for text in long), message


@pytest.mark.parametrize("page", DOCS, ids=[page.name for page in DOCS])
def test_python_blocks_run(
    page: Path, conditional: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(conditional / "asked.onnx", tmp_path / "gen.onnx")
    (tmp_path / "checkpoints").symlink_to(ROOT / "checkpoints")
    monkeypatch.chdir(tmp_path)
    for block in blocks(page):
        if block.language == "python":
            exec(compile("\n".join(block.lines), block.place, "exec"), {})
