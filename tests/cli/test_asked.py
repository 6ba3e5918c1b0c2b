"""``--digit``, ``--digits``, ``--truncation`` and ``--interpolate`` of ``sample`` and ``infer``."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from ganctl.cli.asked import MAX_CLASS, listed, written
from ganctl.images import encode_gif, make_grid
from ganctl.latents import class_labels, seeded
from ganctl.training.checkpoint import as_function, load_generator

from ..conftest import Ganctl

COMMANDS = [["sample"], ["infer", "asked.onnx"]]


@pytest.fixture(autouse=True)
def here(conditional: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(conditional, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")


def drawn(ganctl: Ganctl, command: list[str], *options: object) -> NDArray[np.uint8]:
    outcome = ganctl(*command, *options, "drawn.npy")
    assert outcome.code == 0, outcome.err
    images: NDArray[np.uint8] = np.load("drawn.npy")
    return images


def picture(path: str) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image)


@given(st.lists(st.integers(0, MAX_CLASS), min_size=1, unique=True))
def test_a_list_of_classes_is_that_list(numbers: list[int]) -> None:
    assert listed(",".join(map(str, numbers))) == tuple(numbers)


@given(first=st.integers(0, MAX_CLASS), length=st.integers(1, 200))
def test_a_range_has_both_ends(first: int, length: int) -> None:
    last = min(first + length - 1, MAX_CLASS)
    assert listed(f"{first}-{last}") == tuple(range(first, last + 1))


def test_lists_ranges_and_names_mix_in_the_order_given() -> None:
    assert listed("9,1,3,5-7") == (9, 1, 3, 5, 6, 7)
    assert listed("Ankle boot,2-3,T-shirt/top,4th") == ("Ankle boot", 2, 3, "T-shirt/top", "4th")


@given(st.text() | st.text("0123456789,-", max_size=12))
def test_any_text_is_classes_or_a_usage_error(text: str) -> None:
    try:
        classes = listed(text)
    except typer.BadParameter:
        return
    assert classes and len(set(classes)) == len(classes)
    names = [each for each in classes if isinstance(each, str)]
    assert set(names) <= set(text.split(",")) and all(any(map(str.isalpha, each)) for each in names)
    assert all(0 <= each <= MAX_CLASS for each in classes if not isinstance(each, str))


@given(st.text() | st.text("0123456789", max_size=12))
def test_any_text_is_a_number_or_a_usage_error(text: str) -> None:
    if text and set(text) <= set("0123456789"):
        assert "".join(map(str, written(text))) == text
    else:
        with pytest.raises(typer.BadParameter):
            written(text)


@pytest.mark.parametrize(
    "text", ["", "_", "1,", "3-", "-3", "9-0", "1 2", "²", "٣", "70000", "1,1"]
)
def test_what_is_no_list_of_classes_is_refused(text: str, ganctl: Ganctl) -> None:
    outcome = ganctl("infer", "none.onnx", f"--digit={text}", "x.png")
    assert outcome.code == 2 and "--digit" in outcome.err


def test_torch_and_onnx_draw_the_same_of_every_kind(ganctl: Ganctl) -> None:
    for options in (
        ["-n", "100", "--seed", "7"],
        ["--digit", "3", "--start", "5"],
        ["--digit", "0-9", "-n", "3"],
        ["--digits", "20261123"],
        ["--truncation", "0.5"],
        ["--interpolate", "5"],
        ["--interpolate", "3", "--digit", "1,4", "-n", "2"],
    ):
        one, other = (drawn(ganctl, command, *options) for command in COMMANDS)
        assert np.abs(one.astype(int) - other).max() <= 1, options


def test_without_a_wish_the_classes_are_drawn_as_often_as_in_the_data(ganctl: Ganctl) -> None:
    images = drawn(ganctl, ["infer", "asked.onnx"], "-n", 30, "--seed", 7)
    _, card = load_generator(Path("checkpoints/asked/last.safetensors"))
    for index, label in enumerate(class_labels(7, 0, 30, card.class_shares).tolist()):
        options = ("--seed", 7, "--start", index, "-n", 1, "--digit", label)
        assert np.array_equal(drawn(ganctl, ["infer", "asked.onnx"], *options)[0], images[index])


@pytest.mark.parametrize("command", COMMANDS)
def test_several_digits_are_rows_of_one_style_a_column(command: list[str], ganctl: Ganctl) -> None:
    options = ("-n", 3, "--seed", 2, "--start", 254)
    rows = [drawn(ganctl, command, "--digit", digit, *options) for digit in (4, 0, 1)]
    assert np.array_equal(drawn(ganctl, command, "--digit", "4,0-1", *options), np.vstack(rows))
    outcome = ganctl(*command, "--digit", "4,0-1", *options, "x.png")
    assert outcome.out == "wrote x.png: 9 images of seed 2, digit 4,0-1\n"
    assert np.array_equal(picture("x.png"), make_grid(np.vstack(rows), 3))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_number_is_written_a_digit_an_image(command: list[str], ganctl: Ganctl) -> None:
    singles = [
        drawn(ganctl, command, "--digit", digit, "--start", 9 + index, "-n", 1)
        for index, digit in enumerate("705705")
    ]
    outcome = ganctl(*command, "--digits", "705", "-n", 2, "--start", 9, "x.png")
    assert outcome.out == "wrote x.png: 6 images of seed 0, digits 705\n"
    assert np.array_equal(picture("x.png"), make_grid(np.vstack(singles), 3))


def test_the_batch_size_changes_no_pixel_of_any_class(ganctl: Ganctl) -> None:
    options = ["--digit", "0-9", "-n", 3, "--batch-size"]
    one, seven, all_ = (drawn(ganctl, COMMANDS[1], *options, size) for size in (1, 7, 64))
    assert np.array_equal(one, seven) and np.array_equal(one, all_)


def test_the_usual_numbers_of_images(ganctl: Ganctl) -> None:
    for options, count in (
        (["--digit", "3"], 64),
        (["--digit", "3,5"], 20),
        (["--digits", "0042"], 4),
        (["--interpolate", "2"], 16),
        (["--interpolate", "2", "--digit", "3"], 16),
        (["--interpolate", "2", "--digit", "3,5"], 4),
        (["--interpolate", "2", "--digits", "0042"], 8),
    ):
        assert len(drawn(ganctl, ["infer", "asked.onnx"], *options)) == count, options


def test_a_walk_is_a_gif_a_strip_or_its_frames(ganctl: Ganctl) -> None:
    generator, card = load_generator(Path("checkpoints/asked/last.safetensors"))
    keys = seeded(3, generator.latent_dim).cycle_classes((6,)).shift(10)
    options = ("sample", "--interpolate", 4, "-n", 3, "--digit", 6, "--seed", 3, "--start", 10)
    draw = as_function(generator)

    def frames(count: int, ends: bool) -> NDArray[np.uint8]:
        levels = (draw(*keys.interpolate(3, 4, ends)(0, 64)) + 1) * np.float32(127.5)
        return np.asarray(np.rint(levels[:count]), np.uint8)

    assert ganctl(*options, "x.gif").out == (
        "wrote x.gif: 12 frames between 3 images of seed 3, digit 6\n"
    )
    assert Path("x.gif").read_bytes() == encode_gif(frames(12, False))
    assert ganctl(*options, "x.npy").code == ganctl(*options, "folder").code == 0
    assert np.array_equal(np.load("x.npy"), frames(12, False))
    assert sorted(path.name for path in Path("folder").iterdir())[-1] == "000011.png"
    assert ganctl(*options, "x.png").code == 0
    assert np.array_equal(picture("x.png"), make_grid(frames(10, True), 5))


def test_truncation_draws_nearer_latents(ganctl: Ganctl) -> None:
    generator, card = load_generator(Path("checkpoints/asked/last.safetensors"))
    inputs = seeded(0, generator.latent_dim, card.class_shares).truncate(0.3)
    expected = (as_function(generator)(*inputs(0, 64)) + 1) * np.float32(127.5)
    images = drawn(ganctl, ["sample"], "--truncation", 0.3)
    assert np.array_equal(images, np.rint(expected).astype(np.uint8))
    plain = drawn(ganctl, ["sample"])
    assert np.array_equal(drawn(ganctl, ["sample"], "--truncation", 1), plain)
    assert not np.array_equal(images, plain)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--digit", "1", "--digits", "2"], "one of --digit and --digits"),
        (["--digits", "12a"], "'12a' is no number"),
        (["--digits", ""], "'' is no number"),
        (["--truncation", "0"], "0 is not above 0"),
        (["--truncation", "1.01"], "1.01 is not above 0"),
        (["--truncation", "nan"], "nan is not above 0"),
        (["--interpolate", "0"], "--interpolate"),
        (["--interpolate", "9" * 4300], "--interpolate"),
        (["--interpolate", "4", "-n", "1"], "two images or more"),
        (["--interpolate", "4", "--digits", "7"], "two images or more"),
        (["--interpolate", "4", "--cols", "3"], "the rows are settled"),
        (["--digit", "0-9", "--cols", "3"], "the rows are settled"),
        (["--digits", "77", "--cols", "3"], "the rows are settled"),
        ([], "add --interpolate"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    options: list[str], message: str, command: list[str], ganctl: Ganctl
) -> None:
    before = sorted(Path().rglob("*"))
    outcome = ganctl(*command, *options, "x.png" if options else "x.gif")
    assert (outcome.code, outcome.out) == (2, "") and message in outcome.err
    assert len(outcome.err.splitlines()) == 2 and sorted(Path().rglob("*")) == before


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--digit", "8-10"], "has no class 10: its classes are 0 … 9"),
        (["--digits", "12", "--start", str(2**53 - 3), "-n", "2"], "image indices are"),
        (["--digit", "0-9", "--start", str(2**53 - 3), "-n", "4"], "image indices are"),
        (["--interpolate", "3", "--start", str(2**53 - 3), "-n", "4"], "image indices are"),
        (["--interpolate", "1000", "-n", "1000"], "too large for one GIF"),
    ],
)
def test_what_the_generator_cannot_draw_is_refused(
    options: list[str], message: str, command: list[str], ganctl: Ganctl
) -> None:
    out = "x.gif" if "--interpolate" in options else "x.png"
    outcome = ganctl(*command, *options, out)
    code = 2 if "indices" in message else 3  # those are wrong for every generator
    assert (outcome.code, outcome.out) == (code, "") and message in outcome.err
    assert not Path(out).exists()


def test_an_unconditional_generator_cannot_be_asked(
    trained: Path, ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(trained)
    for command in (["infer", "small.onnx"], ["sample", "--checkpoint", "small"]):
        for option in ("--digit", "--digits"):
            outcome = ganctl(*command, option, 7, "x.png")
            source = command[-1] if command[0] == "infer" else "checkpoints/small/last.safetensors"
            assert outcome.code == 3 and not Path("x.png").exists()
            assert f"error: {source} cannot be asked for a class" in outcome.err
            assert "hint: draw without a class, or train one" in outcome.err


def test_other_classes_than_digits_go_by_number_or_name(ganctl: Ganctl, tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for number in range(2):
            image = Image.fromarray(np.full((8, 8), 60 * number, np.uint8))
            image.save(tmp_path / "pets" / name / f"{number}.png")
    options = ["--conditional", "--epochs", 1, "--img-size", 8, "--name", "pets"]
    assert ganctl("train", "--data", tmp_path / "pets", *options).code == 0
    assert ganctl("sample", "--checkpoint", "pets", "--digit", "0-1", "x.png").code == 0
    outcome = ganctl("sample", "--checkpoint", "pets", "--digit", 2, "x.png")
    assert outcome.code == 3 and "has no class 2: its classes are 0 … 1" in outcome.err
    assert outcome.err.endswith("hint: classes go by number or name: 0 cat, 1 dog\n")
    by_name = ganctl("sample", "--checkpoint", "pets", "--digit", "dog,cat", "-n", 3, "named.npy")
    assert by_name.out == "wrote named.npy: 6 images of seed 0, digit dog,cat\n"
    assert ganctl("sample", "--checkpoint", "pets", "--digit", "1,0", "-n", 3, "x.npy").code == 0
    assert np.array_equal(np.load("named.npy"), np.load("x.npy"))
    outcome = ganctl("sample", "--checkpoint", "pets", "--digit", "cat,bird", "bird.png")
    assert outcome.code == 3 and "has no class 'bird'" in outcome.err
    assert not Path("bird.png").exists()
