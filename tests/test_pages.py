"""What README.md and docs/ say: their commands parse, their links lead somewhere."""

from __future__ import annotations

import ast
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from ganctl.cli.app import COMMANDS, app
from ganctl.errors import GanctlError
from ganctl.text import option

from .cli.test_options import COMMANDS as ALL_COMMANDS
from .docs_check import AS_WRITTEN, NOT_RUN, SHORTER, shortened, to_lay_out, why_not
from .pages import PAGES, ROOT, Command, all_commands, blocks, ganctl_arguments, inline_code

DOCS = [page for page in PAGES if page.parent == ROOT / "docs"]

INLINE = [code for page in PAGES for code in inline_code(page)]

PLACEHOLDERS = {"COMMAND": "train", "N": "1", "START": "0", "COUNT": "1"}
"""Words in capitals that are no name or path, and one of those that they stand for."""

Failure: type[Exception] = typer.BadParameter.__mro__[1]
Missing: type[Exception] = vars(sys.modules[Failure.__module__])["MissingParameter"]


def command_of(rest: list[str]) -> tuple[Any, str]:
    """Return the parser that these words name, and its name; take the name out of ``rest``."""
    name, parser = "ganctl", typer.main.get_command(app)
    while hasattr(parser, "get_command"):
        if not rest or rest[0].startswith("-"):  # of ganctl itself, such as --version
            break
        name = rest.pop(0)
        parser = parser.get_command(parser.make_context("ganctl", [name]), name)
        assert parser is not None, f"there is no command {name}"
    return parser, name


def options_of(parser: Any) -> set[str]:
    return {option for each in parser.params for option in (*each.opts, *each.secondary_opts)}


def parse(arguments: list[str]) -> None:
    """Read a command line as ganctl would; raise Failure where it would refuse it."""
    rest = [PLACEHOLDERS.get(word, word) for word in arguments]
    parser, name = command_of(rest)
    if name == "ganctl":  # to read --install-completion is to do it
        assert set(rest) <= {"--help"} | options_of(parser), rest
        return
    try:
        parser.make_context(name, rest)
    except typer.Exit:
        pass  # --help and --version end at once


def parse_mentioned(arguments: list[str]) -> None:
    """The same for one in prose, which need not say all: ``ganctl export --precision int8``.

    What is missing is noticed after all that is there has been read.
    """
    try:
        parse(arguments)
    except Missing:
        pass


BLOCK_COMMANDS = [c for c in all_commands() if ganctl_arguments(c.text) is not None]


@pytest.mark.parametrize("command", BLOCK_COMMANDS, ids=[c.place for c in BLOCK_COMMANDS])
def test_every_command_parses(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("run.toml").touch()  # a command before wrote it
    arguments = ganctl_arguments(command.text)
    assert arguments is not None
    parse(arguments)


def mentioned(text: str) -> list[str] | None:
    """Return a mention's arguments: of ``ganctl …``, and of ``infer --verify``."""
    if "-m ganctl" in text or text.startswith("ganctl "):
        return ganctl_arguments(text)
    words = text.split()
    named = (
        " ".join(words[:2]) in ALL_COMMANDS
        or words[0] in COMMANDS
        and words[1:2]
        and words[1][0] == "-"
    )
    return words if named else None


def test_every_command_in_prose_and_tables_parses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "checkpoints/NAME").mkdir(parents=True)
    (tmp_path / "checkpoints/NAME/config.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    wrong, count = [], 0
    for place, text in INLINE:
        arguments = mentioned(text)
        if arguments is not None:
            count += 1
            try:
                parse_mentioned(arguments)
            except (Failure, GanctlError, AssertionError) as error:
                wrong.append(f"{place}: {text}: {error!r}")
    assert count >= 40 and not wrong, "\n".join(wrong)


def accepts(arguments: list[str]) -> bool:
    try:
        parse_mentioned(arguments)
    except (Failure, AssertionError):
        return False
    return True


def test_every_option_in_prose_and_tables_is_one_of_some_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose value it may have, such as ``--keep 3``."""
    monkeypatch.chdir(tmp_path)
    parsers = [command_of(name.split())[0] for name in ["", *ALL_COMMANDS]]
    options = set[str]().union(*map(options_of, parsers))
    spans = {text: place for place, text in INLINE if re.match(r"--?[a-z]", text)}
    assert len(spans) >= 40
    for text, place in spans.items():
        words = shlex.split(text)
        if "…" in text or words[0] == "--max-restarts":  # a message; torchrun's
            continue
        if len(words) == 1:
            assert words[0] in options, f"{place}: {text}"
        else:
            assert any(accepts([*name.split(), *words]) for name in ALL_COMMANDS), (
                f"{place}: {text}"
            )


def test_targets_test_files_and_modules_on_the_pages_are_there() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    known = set(re.findall(r"^([\w-]+)(?=:| \?=)", makefile, re.M))
    found = {"make": 0, "pytest": 0, "python": 0, "path": 0}
    for place, text in [*all_commands(), *INLINE]:
        words = text.split()
        if words[0] in ("make", "pytest"):
            found[words[0]] += 1
            for word in words[1:]:
                there = (
                    word.split("=")[0] in known if words[0] == "make" else (ROOT / word).exists()
                )
                assert there, f"{place}: {text}: {word}"
        elif words[:2] == ["python", "-m"] and words[2] != "ganctl":
            found["python"] += 1
            assert (ROOT / words[2].replace(".", "/")).with_suffix(".py").is_file(), (
                f"{place}: {text}"
            )
        elif words[0] == "python" and words[1].endswith(".py"):
            found["python"] += 1
            assert (ROOT / words[1]).is_file(), f"{place}: {text}"
        elif re.fullmatch(r"(ganctl|tests|docs|benchmarks|scripts)/[\w/.-]+", text):
            found["path"] += 1
            assert (ROOT / text).exists(), f"{place}: {text}"
    assert all(found.values()), found


def test_docs_check_shortens_what_takes_long_and_has_no_rule_too_many() -> None:
    assert shortened("ganctl train --epochs 200") == "ganctl train --data digits --epochs 1"
    assert shortened("ganctl train --resume a --epochs 9") == "ganctl train --resume a --epochs 2"
    assert shortened("ganctl evaluate a -n 2000") == "ganctl evaluate a -n 500"
    assert shortened("ganctl infer gen.onnx -n 64") == "ganctl infer gen.onnx -n 64"
    assert (
        shortened("ganctl train --data shapes --epochs 9")
        == "ganctl train --data shapes --epochs 9"
    )
    texts = [command.text for command in all_commands()]
    assert any(re.search(AS_WRITTEN, text) for text in texts)
    for pattern, _ in NOT_RUN:
        assert any(re.search(pattern, text) for text in texts), pattern
    for pattern, _ in SHORTER:
        assert any(re.search(pattern, text) for text in texts if not why_not(text)), pattern


def test_docs_check_lays_out_what_a_block_does_not_make_itself() -> None:
    assert to_lay_out(["ganctl infer gen.onnx", "ganctl export gen.onnx"]) == ["gen.onnx"]
    assert to_lay_out(["ganctl export gen.onnx", "ganctl infer gen.onnx"]) == []
    assert to_lay_out(["ganctl train --data pictures.zip"]) == ["pictures.zip"]


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
        if part and target.suffix == ".md":
            headings = re.findall(r"^#+ (.*)", target.read_text(encoding="utf-8"), re.M)
            anchors = {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}
            assert part in anchors, link


def test_the_readme_links_every_page() -> None:
    assert {str(page.relative_to(ROOT)) for page in DOCS} <= set(links(ROOT / "README.md"))


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_every_name_that_links_into_the_code_is_in_that_file(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for name, target in re.findall(r"\[`([^`\]]+)`\]\(([\w./-]+\.py)\)", text):
        if not target.endswith(name.rpartition("/")[2]):
            code = (page.parent / target).read_text(encoding="utf-8")
            assert name.split("(")[0].split(".")[-1] in code, (name, target)


def test_the_study_guide_has_lines_of_code_for_its_topics() -> None:
    guide = ROOT / "docs/study-guide.md"
    topics = re.split("^## ", guide.read_text(encoding="utf-8"), flags=re.M)[1:]
    without = [topic.splitlines()[0] for topic in topics if ".py)" not in topic]
    assert without == ["The idea", "How the pictures were made"]


def filled_in(part: ast.expr) -> str:
    """Return what a text's part says: an option and a noun are known, of all else it is …."""
    if isinstance(part, ast.Constant):
        return str(part.value)
    match part:
        case ast.FormattedValue(ast.Call(ast.Name("option"), [ast.Constant(str(name)), *value])):
            constants = [each.value for each in value if isinstance(each, ast.Constant)]
            return option(name, *constants) + " …" * (len(value) - len(constants))
        case ast.FormattedValue(ast.Call(ast.Name("counted"), [_, ast.Constant(str(noun))])):
            return f"… {noun}s"
    return "…"


def messages() -> Iterator[str]:
    """Yield every text in the code, … for what it fills in."""
    for path in (ROOT / "ganctl").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
            elif isinstance(node, ast.JoinedStr):
                yield re.sub("…+", "…", "".join(map(filled_in, node.values)))


def letters(text: str) -> int:
    return sum(map(str.isalpha, text))


def is_printed_by(told: str, message: str) -> bool:
    """Tell whether ``told`` is ``message`` filled in, most of its letters being the message's.

    A name may be put before it elsewhere.
    """
    if not LEAST_FIXED * letters(told) <= letters(message) <= letters(told):
        return False
    pattern = ".*".join(map(re.escape, message.split("…")))
    return bool(re.fullmatch(f"(… )?{pattern}", told))


LEAST_FIXED = 0.8
"""Of a headline's letters: those that stand in the code, and are not filled in."""


def test_ganctl_prints_every_message_in_troubleshooting() -> None:
    """Each headline in backticks is a whole message, … for what differs from time to time."""
    page = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
    told = re.findall(r"^- `([^`]+)`", page, re.M)
    known = {" ".join(text.split()) for text in messages()}
    assert len(told) >= 30
    missing = [text for text in told if not any(is_printed_by(text, each) for each in known)]
    assert not missing, "\n".join(missing)


def test_a_message_that_is_not_printed_so_is_noticed() -> None:
    message = "… has already finished its … epochs"
    assert message in messages()
    assert is_printed_by(message, message)
    assert is_printed_by("demo has already finished its … epochs", message)
    assert not is_printed_by("… has finished … epochs", message)
    assert not is_printed_by("… has already finished … epochs", message)
    assert not is_printed_by("whatever … says, it has already finished … of it", message)


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
