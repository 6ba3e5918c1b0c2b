from __future__ import annotations

import base64
import dataclasses
import io
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from PIL import Image

import ganctl
from ganctl.errors import BadInput

from ..conftest import Ganctl
from ..inference import generators
from ..test_layers import HEAVY

load = ganctl.load  # the fixture `ganctl` hides the module in tests that run commands


def drawn(ganctl: Ganctl, *arguments: object) -> np.ndarray[Any, Any]:
    """Return what a command draws."""
    outcome = ganctl(*arguments, "drawn.npy")
    assert outcome.code == 0, outcome.err
    array: np.ndarray[Any, Any] = np.load("drawn.npy")
    return array


@pytest.fixture
def asked(conditional: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh current folder, and where the conditional run lies."""
    monkeypatch.chdir(tmp_path)
    return conditional


def test_an_onnx_file_draws_what_infer_draws(workplace: Path, ganctl: Ganctl) -> None:
    generator = load("small.onnx")
    assert (generator.image_shape, generator.latent_dim) == ((1, 28, 28), 100)
    assert generator.classes == () and generator.card and generator.card.name == "small"
    images = generator.sample(5, seed=7, start=254, truncation=0.5)
    assert images.shape == (5, 1, 28, 28) and images.dtype == np.uint8 and images.std() > 1
    options = ("-n", 5, "--seed", 7, "--start", 254, "--truncation", 0.5)
    assert np.array_equal(images, drawn(ganctl, "infer", "small.onnx", *options))
    assert np.array_equal(generator.sample(70)[65:], generator.sample(5, start=65, batch_size=2))
    assert np.array_equal(generator.sample(), drawn(ganctl, "infer", "small.onnx"))


@pytest.mark.parametrize(
    "source", ["small", "checkpoints/small", "checkpoints/small/last.safetensors", None]
)
def test_a_checkpoint_draws_what_sample_draws(
    source: str | None, workplace: Path, ganctl: Ganctl
) -> None:
    options = ("-n", 3, "--seed", 2, "--start", 9)
    for weights in ("ema", "live"):
        generator = load(source and Path(source), weights=weights)
        assert generator.card and generator.card.weights == weights
        images = generator.sample(3, seed=2, start=9)
        assert np.array_equal(images, drawn(ganctl, "sample", *options, "--weights", weights))


def test_digits_are_those_of_the_commands(asked: Path, ganctl: Ganctl) -> None:
    checkpoint, file = asked / "checkpoints" / "asked", asked / "asked.onnx"
    for generator, command in (
        (load(checkpoint), ("sample", "--checkpoint", checkpoint)),
        (load(file), ("infer", file)),
    ):
        assert generator.classes == tuple("0123456789")
        options = ("-n", 3, "--seed", 5, "--start", 1)
        for digit, spelt in ((None, ()), (4, ("--digit", 4)), ([1, 3, 0], ("--digit", "1,3,0"))):
            images = generator.sample(3, seed=5, start=1, digit=digit)
            assert np.array_equal(images, drawn(ganctl, *command, *options, *spelt))
        assert images.shape == (9, 1, 28, 28) and images.cols == 3
        named = generator.sample(3, seed=5, start=1, digit=("1", np.int64(3), "0"))
        assert np.array_equal(named, images)


def test_what_cannot_be_drawn_is_refused(workplace: Path, conditional: Path) -> None:
    generator, asked = load("small.onnx"), load(conditional / "asked.onnx")
    for wrong, message in (
        ({"count": 0}, "count=0"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"seed": -1}, "seed=-1"),
        ({"start": -1}, "start=-1"),
        ({"start": 2**53}, "image indices are 0"),
        ({"truncation": 0}, "truncation=0"),
        ({"truncation": float("nan")}, "truncation=nan"),
        ({"digit": 3}, "small.onnx cannot be asked for a class"),
        ({"digit": "3"}, "small.onnx cannot be asked for a class"),
    ):
        with pytest.raises(BadInput, match=message):
            generator.sample(**wrong)
    for digit, message in (
        (10, "has no class 10: its classes are 0 … 9"),
        ([1, -1], "has no class -1"),
        ("shoe", "has no class 'shoe'"),
        ([], "names no class"),
    ):
        with pytest.raises(BadInput, match=message):
            asked.sample(1, digit=digit)


def test_what_cannot_be_loaded_is_refused(workplace: Path) -> None:
    Path("broken.onnx").write_bytes(Path("small.onnx").read_bytes()[:-9])
    wrong: list[tuple[str, dict[str, Any], str]] = [
        ("none.onnx", {}, "cannot read model none.onnx"),
        ("none", {}, "there is no checkpoint none"),
        ("broken.onnx", {}, "broken.onnx"),
        ("small", {"weights": "best"}, "weights='best'"),
        ("small.onnx", {"value_range": "0,2"}, "value_range='0,2'"),
        ("small.onnx", {"layout": "chw"}, "layout='chw'"),
        ("small.onnx", {"provider": "abacus"}, "no provider 'abacus'"),
    ]
    for source, options, message in wrong:
        with pytest.raises(ganctl.GanctlError, match=re.escape(message)) as raised:
            load(source, **options)
        assert raised.value.__notes__ == [f"hint: {raised.value.hint}"]


def test_another_tools_file_is_told_and_its_guesses_are_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    onnx.save(generators.linear("Identity"), path := tmp_path / "other.model")
    with pytest.raises(BadInput):
        load(path)
    generator = load(path, value_range="0,255")
    assert generator.card is None and generator.sample(3).shape == (3, 1, 4, 6)
    guess, beyond = caplog.messages
    assert guess == f"{path}: 'z' taken to be the latents"
    assert re.fullmatch(r".*: \d+\.\d% of the values lay outside the range .*", beyond)
    assert "data" not in dict(generator._rows())


def test_a_notebook_shows_what_it_is(workplace: Path, conditional: Path) -> None:
    page = load("small.onnx")._repr_html_()
    for text in ("small.onnx", "1×28×28", "none to be asked for", "200 images", "2 epochs"):
        assert text in page
    for generator, digit in ((load("small"), None), (load(conditional / "asked.onnx"), range(10))):
        (data,) = re.findall('base64,([^"]+)"', generator._repr_html_())
        picture = Image.open(io.BytesIO(base64.b64decode(data)))
        first = generator.sample(1 if digit else 10, digit=digit, batch_size=10)
        strip = ganctl.grid(first, cols=10)
        assert strip.size == (302, 32) and picture.size == (604, 64)
        assert np.array_equal(np.asarray(picture)[::2, ::2], np.asarray(strip))
    assert repr(load("small")) == "<Generator checkpoints/small/last.safetensors: 1×28×28>"


def test_what_a_notebook_shows_is_escaped(workplace: Path) -> None:
    generator = load("small.onnx")
    assert generator.card
    hostile = '<script>alert("&")</script>\u202e\x1b[2J' + "x" * 500
    card = dataclasses.replace(generator.card, data_name=hostile, data_note=hostile)
    changed = dataclasses.replace(
        generator, path=Path(hostile), card=card, classes=(hostile,) * 9, _class_shares=(0.1,) * 9
    )
    page = changed._repr_html_()  # whose file takes no classes: nothing can be drawn
    assert "<script" not in page and "\u202e" not in page and "\x1b" not in page
    assert page.count("&lt;script&gt;alert(&quot;&amp;&quot;)&lt;/script&gt;\\u202e") >= 3
    assert "x" * 201 not in page


WITHOUT_TORCH = """
import sys
for name in {blocked!r}:
    sys.modules[name] = None
import ganctl
assert not sys.modules.keys() & {{"numpy", "PIL", "onnxruntime", "logging"}}
assert [name for name in sys.modules if name.startswith("ganctl.")] == []
images = ganctl.load("small.onnx").sample(4, seed=1)
ganctl.grid(images).save("grid.png")
assert ganctl.load("small.onnx")._repr_html_() and images._repr_png_()
for needy in (lambda: ganctl.load("small"), lambda: ganctl.train(data="digits")):
    try:
        needy()
    except ganctl.GanctlError as error:
        print(error.exit_code, error.message, error.hint, sep="|")
"""


def test_an_onnx_file_needs_no_torch_and_all_else_says_so(workplace: Path) -> None:
    blocked = [name for name in HEAVY if not name.startswith("ganctl.")]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH.format(blocked=blocked)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    for line in done.stdout.splitlines():
        assert line.startswith("4|this needs ")
        assert line.endswith(', which is not installed|pip install "ganctl[train]"')
    assert len(done.stdout.splitlines()) == 2
    assert Path("grid.png").stat().st_size > 500
