"""Wrong inputs: one line of error, one of hint, the right exit code, and every file as it was."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import ganctl

# Exit code | command line | how the error begins. A new wording is a change of one line here.
TABLE = """
2 | tain                                                    | No such command 'tain'
2 | --verison                                               | No such option: --verison
2 | train --epoch 5                                         | No such option: --epoch
2 | train --epochs                                          | --epochs needs a value
2 | train --epochs 0                                        | --epochs 0 cannot be used
2 | train --epochs many                                     | Invalid value for '--epochs'
2 | train --batch-size 1                                    | --batch-size 1 cannot be used
2 | train --lr nan                                          | --lr nan cannot be used
2 | train --b1 1                                            | --b1 1.0 cannot be used
2 | train --recipe old                                      | Invalid value for '--recipe'
2 | train --arch cnn                                        | Invalid value for '--arch'
2 | train --objective gan                                   | Invalid value for '--objective'
2 | train --channels 2                                      | --channels 2 cannot be used
2 | train --device gpu                                      | --device gpu cannot be used
2 | train --name a/b                                        | --name a/b cannot be used
2 | train --plain --quiet                                   | Invalid value for --quiet
2 | train plain                                             | 'plain'
2 | train --resume plain --dry-run                          | Invalid value for --dry-run
3 | train --resume plain --seed 3                           | --seed 3 contradicts the run
3 | train --resume none                                     | there is no checkpoint none
3 | train --resume text.safetensors                         | text.safetensors is
3 | train --data digits-200 --name plain                    | checkpoints/plain exists already
3 | train --data none                                       | no data set or path named 'none'
3 | train --data text.zip                                   | text.zip is not a zip file
3 | train --data empty                                      | empty: 0 readable PNG or JPEG
3 | train --config none.toml                                | cannot read none.toml
3 | train --config text.toml                                | text.toml is
3 | train --config key.toml                                 | key.toml has an unknown key 'epoch'
3 | train --config key.json                                 | key.json has an unknown key 'epoch'
3 | train --config type.toml                                | type.toml: epochs = '3' is not
3 | train --config type.json                                | type.json: epochs = '3' is not
3 | train --config range.toml                               | range.toml: epochs = 0 cannot be used
2 | sample -n 0 new.png                                     | Invalid value for '-n'
2 | sample --seed 4294967296 new.png                        | Invalid value for '--seed'
2 | sample --truncation 0 new.png                           | Invalid value for --truncation
2 | sample --weights best new.png                           | Invalid value for '--weights'
2 | sample --digit 3 --digits 4 new.png                     | Invalid value for --digits
2 | sample walk.gif                                         | Invalid value for OUT
3 | sample new.jpg                                          | cannot write new.jpg
3 | sample none/new.png                                     | cannot write none/new.png
3 | sample --checkpoint none mine.png                       | there is no checkpoint none
3 | sample --checkpoint text.safetensors mine.png           | text.safetensors is not a ganctl
3 | sample --checkpoint plain.onnx mine.png                 | plain.onnx is not a ganctl checkpoint
3 | sample --checkpoint plain --digit 3 mine.png            | checkpoints/plain/last.safetensors
3 | sample --checkpoint classes --digit 10 mine.png         | checkpoints/classes/last.safetensors
3 | sample --checkpoint plain.safetensors --weights live mine.png | plain.safetensors holds
3 | sample --checkpoint plain -n 1000000000 mine.png        | 1,000,000,000 images
6 | sample --checkpoint plain -n 100000000000 mine.npy      | mine.npy would take
5 | sample --checkpoint cut.safetensors mine.png            | cut.safetensors is damaged
3 | export mine.png                                         | cannot write mine.png
3 | export empty                                            | cannot write empty
3 | export none/new.onnx                                    | cannot write none/new.onnx
3 | export --checkpoint none plain.onnx                     | there is no checkpoint none
2 | export --opset 9 plain.onnx                             | Invalid value for '--opset'
2 | export --precision int4 plain.onnx                      | Invalid value for '--precision'
2 | export --precision int8 new.safetensors                 | Invalid value for OUT
2 | export --for torch-fidelity new.safetensors             | Invalid value for OUT
2 | export --opset 20 new.safetensors                       | Invalid value for OUT
2 | export --checkpoint plain.safetensors plain.safetensors | Invalid value for OUT
2 | infer                                                   | Missing argument 'MODEL'
2 | infer plain.onnx --batch-size 0 mine.png                | Invalid value for '--batch-size'
2 | infer plain.onnx --layout hwc mine.png                  | Invalid value for '--layout'
2 | infer plain.onnx --max-seconds 0 mine.png               | Invalid value for '--max-seconds'
2 | infer plain.onnx --verify -n 3                          | Invalid value for --verify
3 | infer plain.onnx --latent-dim 7 mine.png                | plain.onnx takes latents of 100
3 | infer plain.onnx --provider none mine.png               | this onnxruntime has no provider
3 | infer plain.onnx --digit 3 mine.png                     | plain.onnx cannot be asked
3 | infer plain.onnx plain.onnx                             | cannot write plain.onnx
3 | infer none.onnx mine.png                                | cannot read model none.onnx
3 | infer text.onnx mine.png                                | text.onnx is not an ONNX file
3 | infer cut.onnx mine.png                                 | cut.onnx is not an ONNX file
3 | infer plain.safetensors mine.png                        | plain.safetensors is not an ONNX file
3 | infer empty mine.png                                    | empty is not a file
2 | info                                                    | Missing argument 'PATH'
3 | info none                                               | there is no file, folder or run none
3 | info text.onnx                                          | text.onnx is not an ONNX file
3 | info empty                                              | there is no checkpoint in empty
5 | info cut.safetensors                                    | cut.safetensors is damaged
2 | evaluate plain.onnx -n 0                                | Invalid value for '-n'
3 | evaluate none                                           | there is no file, folder or run none
3 | evaluate text.npy                                       | text.npy is
3 | evaluate empty                                          | empty: no readable PNG or JPEG
3 | evaluate plain.onnx                                     | plain.onnx was trained on 'digits-200'
3 | evaluate plain.onnx --data none                         | no data set or path named 'none'
3 | evaluate plain.onnx --data digits-200 -n 2              | cannot compute the 3
3 | evaluate plain.onnx --data digits-200 --report mine.pdf | cannot write mine.pdf
2 | data                                                    | Missing command
3 | data fetch imagenet                                     | no data set named 'imagenet'
3 | data show none                                          | no data set or path named 'none'
3 | data show digits-200 mine.gif                           | cannot write mine.gif
3 | data show empty mine.png                                | empty: 0 readable PNG or JPEG
2 | data show digits-200 --channels 2                       | Invalid value for --channels
2 | runs compare plain                                      | 1 run
3 | runs compare plain none                                 | there is no run none
3 | runs compare plain classes new.jpg                      | cannot write new.jpg
3 | runs report none                                        | there is no run none
2 | doctor now                                              | Got unexpected extra
"""
CASES = [tuple(map(str.strip, row.split("|"))) for row in TABLE.strip().splitlines()]

WRONG_FILES = {
    "text.onnx": "hello\n",
    "text.safetensors": "hello\n",
    "text.npy": "hello\n",
    "text.zip": "hello\n",
    "text.toml": "hello\n",
    "key.toml": "epoch = 3\n",
    "key.json": '{"epoch": 3}\n',
    "type.toml": 'epochs = "3"\n',
    "type.json": '{"epochs": "3"}\n',
    "range.toml": "epochs = 0\n",
    "mine.png": "mine",
    "mine.npy": "mine",
    "mine.gif": "mine",
    "mine.pdf": "mine",
}


@pytest.fixture(scope="module")
def place(made: Path, digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with all that the table names, the current one."""
    folder = tmp_path_factory.mktemp("wrong") / "place"
    shutil.copytree(made, folder)
    shutil.copytree(digits, folder / digits.name)
    (folder / "empty").mkdir()
    for name, text in WRONG_FILES.items():
        (folder / name).write_text(text)
    for suffix, length in ((".onnx", 1000), (".safetensors", -1)):
        (folder / f"cut{suffix}").write_bytes((folder / f"plain{suffix}").read_bytes()[:length])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


def files(folder: Path) -> dict[Path, tuple[int, ...]]:
    """Return what changes with every write, of each file and folder."""
    found = {path: path.lstat() for path in folder.rglob("*")}
    return {path: (each.st_ino, each.st_size, each.st_mtime_ns) for path, each in found.items()}


@pytest.mark.parametrize(("code", "line", "words"), CASES, ids=[case[1] for case in CASES])
def test_a_wrong_input(code: str, line: str, words: str, place: Path) -> None:
    before = files(place)
    outcome = ganctl(line)
    *notes, error, hint = outcome.err.splitlines()
    assert error.startswith(f"error: {words}")
    assert hint.startswith("hint: ") and all(note.startswith("note: ") for note in notes)
    assert (outcome.code, outcome.out) == (int(code), "")
    assert files(place) == before
