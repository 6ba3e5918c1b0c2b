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

load = ganctl.load  # the fixture `ganctl` hides the module in tests that run commands


def test_a_generator_describes_itself_and_draws_slices(workplace: Path) -> None:
    generator = load("small.onnx")
    assert (generator.image_shape, generator.latent_dim) == ((1, 28, 28), 100)
    assert generator.classes == () and generator.card and generator.card.name == "small"
    images = generator.sample(70, truncation=0.5)
    assert images.shape == (70, 1, 28, 28) and images.dtype == np.uint8 and images.std() > 1
    part = generator.sample(5, start=65, truncation=0.5, batch_size=2)
    assert np.array_equal(images[65:], part) and not np.array_equal(generator.sample(70), images)


def test_a_checkpoint_has_an_average_and_live_weights(workplace: Path, ganctl: Ganctl) -> None:
    for weights, source in (("ema", None), ("live", "checkpoints/small/last.safetensors")):
        generator = load(source and Path(source), weights=weights)
        assert generator.card and generator.card.weights == weights
        options = ("-n", 3, "--seed", 2, "--start", 9, "--weights", weights, "drawn.npy")
        assert ganctl("sample", *options).code == 0
        assert np.array_equal(generator.sample(3, seed=2, start=9), np.load("drawn.npy"))


def test_classes_have_a_row_each(conditional: Path) -> None:
    generator = load(conditional / "asked.onnx")
    assert generator.classes == tuple("0123456789")
    images = generator.sample(3, seed=5, start=1, digit=[1, 3, 0])
    assert images.shape == (9, 1, 28, 28) and images.cols == 3
    assert np.array_equal(images[3:6], generator.sample(3, seed=5, start=1, digit=3))
    named = generator.sample(3, seed=5, start=1, digit=("1", np.int64(3), "0"))
    assert np.array_equal(named, images)


def test_what_cannot_be_drawn_is_refused(workplace: Path, conditional: Path) -> None:
    generator, asked = load("small.onnx"), load(conditional / "asked.onnx")
    for wrong, message in (
        ({"start": 2**53}, "image indices are 0"),
        ({"digit": 3}, "small.onnx cannot be asked for a class"),
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
    for text in ("small.onnx", "1×28×28", "none, not conditional", "200 images", "2 epochs"):
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


LAZY = """
import sys
import ganctl
assert not sys.modules.keys() & {"numpy", "PIL", "onnxruntime", "logging"}
assert [name for name in sys.modules if name.startswith("ganctl.")] == []
sys.modules["torch"] = None
images = ganctl.load("small.onnx").sample(4, seed=1)
assert ganctl.load("small.onnx")._repr_html_() and images._repr_png_()
assert "PIL" not in sys.modules
for needy in (lambda: ganctl.load("small"), lambda: ganctl.train(data="digits")):
    try:
        needy()
    except ganctl.GanctlError as error:
        print(error.exit_code, error.hint)
"""


def test_importing_is_lazy_and_only_a_checkpoint_needs_torch(workplace: Path) -> None:
    done = subprocess.run([sys.executable, "-c", LAZY], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == '4 pip install "ganctl[train]"\n' * 2
