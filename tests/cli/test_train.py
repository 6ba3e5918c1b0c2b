from __future__ import annotations

import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganctl.cli.training_screen import TrainingScreen
from ganctl.training import device, start
from ganctl.training.checkpoint import load_checkpoint
from ganctl.training.progress import Progress

from ..conftest import Ganctl

LAST = Path("checkpoints/run/last.safetensors")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(device, "_busy_cores", lambda: 0.0)  # whatever else this machine does


def test_a_pipe_gets_one_line_an_epoch_and_stdout_the_results(
    ganctl: Ganctl, small_data: Path
) -> None:
    outcome = ganctl("train", "--data", small_data, "--epochs", 2, "--name", "run")
    assert outcome.code == 0
    figures = r"G \d\.\d{3}  D \d\.\d{3}  D\(x\) 0\.\d\d  D\(G\(z\)\) 0\.\d\d"
    lines = outcome.err.splitlines()
    assert len(lines) == 2
    for number, line in enumerate(lines, 1):
        distance = r"  FD \d+\.\d" if number == 2 else ""  # measured at the end
        speed = r"[\d,]+ images/s  \d+:\d\d left"
        assert re.fullmatch(rf"epoch {number}/2  {figures}{distance}  {speed}", line)
    trained, wrote, beside, quality, following = outcome.out.splitlines()
    assert trained.startswith("trained 2 epochs in ")
    assert wrote == "wrote checkpoints/run: last and best checkpoint"
    assert beside == "there too: report.html, curves.png, progress.gif, samples/"
    assert len(wrote) + 30 - len("run") <= 80 and len(beside) <= 80
    assert re.fullmatch(r"Fréchet distance [\d,]+\.\d", quality)
    assert following == "next: ganctl sample out.png"


def test_every_size_is_an_option(ganctl: Ganctl, small_data: Path) -> None:
    options = "--latent-dim 7 --img-size 16 --channels 3 --batch-size 50 --lr 0.001 --b1 0.4"
    options += " --b2 0.9 --seed 3 --threads 1 --device cpu --recipe classic"
    arguments = ["--data", small_data, "--epochs", 1, "--name", "run", *options.split()]
    assert ganctl("train", *arguments).code == 0
    config = load_checkpoint(LAST).config
    assert (config.model.latent_dim, config.model.image_shape) == (7, (3, 16, 16))
    assert (config.lr, config.b1, config.b2, config.seed) == (0.001, 0.4, 0.9, 3)
    assert (config.recipe, config.ema_decay, config.model.bn_eps) == ("classic", 0, 0.8)


def test_what_was_measured_is_kept_with_the_best_generator(
    ganctl: Ganctl, small_data: Path
) -> None:
    arguments = ["--data", small_data, "--epochs", 3, "--eval-every", 1, "--name", "run"]
    assert ganctl("train", *arguments).code == 0
    metrics = LAST.with_name("metrics.jsonl").read_text()
    lines = [json.loads(line) for line in metrics.splitlines()]
    best = load_checkpoint(LAST.with_name("best.safetensors"))
    distances = [line["frechet_distance"] for line in lines]
    assert best.card.quality["frechet_distance"] == min(distances) > 0
    assert set(best.card.quality) <= set(lines[0])
    outcome = ganctl("sample", "--checkpoint", LAST.with_name("best.safetensors"), "best.png")
    assert outcome.code == 0


def test_conv_networks_and_every_objective_train(ganctl: Ganctl, small_data: Path) -> None:
    for name in ("hinge", "least-squares", "wasserstein"):
        arguments = ["--data", small_data, "--epochs", 1, "--name", name, "--objective", name]
        assert ganctl("train", *arguments, "--arch", "conv").code == 0
        config = load_checkpoint(Path("checkpoints") / name / "last.safetensors").config
        assert (config.objective, config.model.arch, config.lr) == (name, "conv", 5e-4)


@pytest.mark.parametrize("arch", ["mlp", "conv"])
def test_a_conditional_run_learns_the_classes_of_its_data(
    arch: str, ganctl: Ganctl, small_data: Path
) -> None:
    arguments = ["train", "--data", small_data, "--arch", arch, "--name", "run", "--conditional"]
    assert ganctl(*arguments, "--epochs", 1).code == 0
    saved = load_checkpoint(LAST)
    assert (saved.config.conditional, saved.config.model.classes) == (True, 10)
    (line,) = LAST.with_name("metrics.jsonl").read_text().splitlines()
    assert 0 <= json.loads(line)["drawn_as_asked"] <= 1
    for number, options in enumerate(([], ["--conditional"]), 2):
        assert ganctl("train", "--resume", *options, "--epochs", number).code == 0
    assert load_checkpoint(LAST).config == dataclasses.replace(saved.config, epochs=3)


def test_classes_are_not_learnt_half_way(ganctl: Ganctl, small_data: Path) -> None:
    assert ganctl("train", "--data", small_data, "--epochs", 1, "--name", "run").code == 0
    outcome = ganctl("train", "--resume", "--conditional", "--epochs", 2)
    assert (
        outcome.code == 3
        and "--conditional contradicts the run, which was begun without" in outcome.err
    )


def test_data_without_classes_cannot_be_conditional(ganctl: Ganctl, tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    for number in range(4):
        image = Image.fromarray(np.full((8, 8), 60 * number, np.uint8))
        image.save(tmp_path / "pictures" / f"{number}.png")
    outcome = ganctl("train", "--data", "pictures", "--conditional", "--epochs", 1)
    assert outcome.code == 3 and "--conditional needs classes" in outcome.err


def test_the_precision_is_settled_at_the_start_and_kept(ganctl: Ganctl, small_data: Path) -> None:
    arguments = ["train", "--data", small_data, "--epochs", 1, "--name", "run"]
    assert ganctl(*arguments, "--precision", "bf16").code == 0
    assert load_checkpoint(LAST).config.precision == "bf16"
    assert json.loads(Path("checkpoints/run/config.json").read_text())["precision"] == "bf16"
    refused = ganctl("train", "--resume", "--epochs", 2, "--precision", "fp32")
    assert (refused.code, "--precision fp32 contradicts" in refused.err) == (3, True)
    assert ganctl("train", "--resume", "--epochs", 2, "--precision", "auto").code == 0
    assert load_checkpoint(LAST).config.precision == "bf16"
    assert ganctl(*arguments[:-1], "auto").code == 0
    settled = load_checkpoint(Path("checkpoints/auto/last.safetensors")).config.precision
    assert settled in ("fp32", "bf16")


def test_a_run_without_a_name_gets_one(ganctl: Ganctl, small_data: Path) -> None:
    assert ganctl("train", "--data", small_data, "--epochs", 1).code == 0
    (folder,) = Path("checkpoints").iterdir()
    assert re.fullmatch(r"small-default-\d{8}-\d{6}", folder.name)


def test_a_name_says_what_is_unusual_and_is_nobody_elses(
    ganctl: Ganctl, small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class OneMoment:
        @staticmethod
        def now() -> datetime:
            return datetime(2026, 11, 26, 9, 30)

    monkeypatch.setattr(start, "datetime", OneMoment)
    kind = ["--arch", "conv", "--conditional", "--objective", "hinge"]
    for _ in range(3):
        assert (
            ganctl("train", "--data", small_data, "--epochs", 1, "--eval-every", 0, *kind).code == 0
        )
    name = "small-default-conv-conditional-hinge-20261126-093000"
    folders = sorted(path.name for path in Path("checkpoints").iterdir())
    assert folders == [name, f"{name}-2", f"{name}-3"]


def test_a_run_goes_on_where_it_ended(ganctl: Ganctl, small_data: Path) -> None:
    assert ganctl("train", "--data", small_data, "--epochs", 1, "--name", "run").code == 0
    before = {path: path.read_bytes() for path in LAST.parent.rglob("*.*")}
    again = ganctl("train", "--resume")  # as after a kill between the last save and the end
    assert (again.code, again.err) == (0, "")
    assert again.out.splitlines() == [
        "run has finished its 1 epoch already",
        "for more: ganctl train --resume run --epochs 2",
    ]
    assert {path: path.read_bytes() for path in LAST.parent.rglob("*.*")} == before
    more = ganctl("train", "--resume", "--epochs", 3)
    assert re.match(r"trained 2 more epochs in \d:\d\d, 3 in all\n", more.out)
    fewer = ganctl("train", "--resume", "--epochs", 2)
    assert fewer.code == 3 and "run is further than 2 epochs" in fewer.err
    assert more.code == 0 and "epoch 2/3" in more.err and "epoch 1/3" not in more.err
    assert load_checkpoint(LAST).step == 12
    lines = Path("checkpoints/run/metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2, 3]


def test_what_a_kill_after_the_last_save_left_undone_is_made_good(
    ganctl: Ganctl, small_data: Path
) -> None:
    arguments = ["train", "--data", small_data, "--epochs", 2, "--keep", 1, "--eval-every", 0]
    assert ganctl(*arguments, "--name", "run").code == 0
    folder = LAST.parent
    (copy,) = folder.glob("step-*.safetensors")
    before = copy.read_bytes()
    copy.unlink()
    (folder / "report.html").unlink()
    litter = folder / ".report.html.0123456789abcdef.tmp"
    litter.touch()
    again = ganctl("train", "--resume")
    assert again.code == 0 and "has finished its 2 epochs already" in again.out
    assert copy.read_bytes() == before
    assert (folder / "report.html").exists() and not litter.exists()


def test_a_run_is_not_overwritten(ganctl: Ganctl, small_data: Path) -> None:
    arguments = ["train", "--data", small_data, "--epochs", 1, "--name", "run"]
    assert ganctl(*arguments).code == 0
    before = LAST.read_bytes()
    outcome = ganctl(*arguments)
    assert outcome.code == 3 and "--resume run" in outcome.err
    assert LAST.read_bytes() == before


def test_other_data_is_not_taken_for_the_runs(
    ganctl: Ganctl, small_data: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for path in small_data.iterdir():
        (data / path.name).write_bytes(path.read_bytes())
    assert ganctl("train", "--data", data, "--epochs", 1, "--name", "run").code == 0
    images = data / "train-images-idx3-ubyte"
    images.write_bytes(images.read_bytes()[:-1] + b"\x7f")
    outcome = ganctl("train", "--resume", "--epochs", 2)
    assert outcome.code == 3 and "the data is not what run began with" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["--lr", "0"], "--lr 0.0 cannot be used", "--lr: a number above 0"),
        (["--lr", "-1"], "--lr -1.0 cannot be used", "--lr: a number above 0"),
        (["--lr", "nan"], "--lr nan cannot be used", "--lr: a number above 0"),
        (["--b1", "1"], "--b1 1.0 cannot be used", "below 1"),
        (["--channels", "2"], "--channels 2 cannot be used", "1 or 3"),
        (["--batch-size", "100000"], "100000 is not in the range 2<=x<=65536", "--help"),
        (["--device", "gpu"], "there is no device 'gpu'", "devices: auto"),
        (["--name", "a/b"], "--name a/b is not a plain folder name", "--name first-try"),
        (["--name", ""], "--name '' is not a plain folder name", "--name first-try"),
        (["--name", ".."], "--name .. is not a plain folder name", "--name first-try"),
    ],
)
def test_a_value_out_of_its_range_exits_2(
    arguments: list[str], message: str, hint: str, ganctl: Ganctl
) -> None:
    outcome = ganctl("train", "--data", "digits", *arguments)
    assert outcome.code == 2 and outcome.out == ""
    first, second = outcome.err.splitlines()
    assert message in first and hint in second


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["--data", "mnsit"], "no data set or path named 'mnsit'", "did you mean 'mnist'"),
        (["--data", "."], "0 readable PNG or JPEG images", "more images"),
        (["--device", "cuda:99"], "no device 'cuda:99'", "--device cpu"),
        (["--data", "none", "--name", "é" * 128], "name too long", "--name first-try"),
        (["--data", "/proc"], "0 readable PNG or JPEG images", "more images"),
        (["--resume"], "there is no run in checkpoints/", "ganctl train"),
    ],
)
def test_bad_input_is_one_error_one_hint_and_exit_3(
    arguments: list[str], message: str, hint: str, ganctl: Ganctl, tmp_path: Path
) -> None:
    outcome = ganctl("train", *arguments)
    assert outcome.code == 3 and outcome.out == ""
    first, second = outcome.err.splitlines()
    assert first.startswith("error: ") and message in first
    assert second.startswith("hint: ") and hint in second
    assert list(tmp_path.iterdir()) == []


def test_training_that_diverges_exits_5(ganctl: Ganctl, small_data: Path) -> None:
    outcome = ganctl("train", "--data", small_data, "--lr", "1e30", "--name", "run")
    assert outcome.code == 5 and "training diverged" in outcome.err
    assert "hint: try a lower --lr" in outcome.err
    assert load_checkpoint(LAST).step == 0


def test_busy_cores_are_no_news_where_there_is_an_error(
    ganctl: Ganctl, small_data: Path, tmp_path: Path
) -> None:
    threads = ["--threads", 1024]  # more than there are, of which a note tells
    for wrong in (["--data", "mnsit"], ["--resume"], ["--data", "mnsit", "--dry-run"]):
        outcome = ganctl("train", *wrong, *threads)
        assert outcome.code == 3 and outcome.err.startswith("error: ")
    outcome = ganctl("train", "--data", small_data, "--epochs", 1, "--eval-every", 0, *threads)
    assert outcome.code == 0 and "1024 threads would wait for each other" in outcome.err


def test_without_a_network_mnist_falls_back_and_says_so(
    ganctl: Ganctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torchvision.datasets import MNIST

    monkeypatch.setattr(MNIST, "mirrors", ["http://127.0.0.1:9/"])  # the discard port: refused
    arguments = ["train", "--data-dir", tmp_path / "data", "--epochs", 1, "--name", "run"]
    strict = ganctl(*arguments, "--no-fallback")
    assert strict.code == 3 and "could not be downloaded" in strict.err
    assert not Path("checkpoints").exists()
    outcome = ganctl(*arguments, "--batch-size", 1000)
    assert outcome.code == 0
    (note,) = [line for line in outcome.err.splitlines() if line.startswith("note: ")]
    assert "mnist could not be downloaded" in note and "embedded digits" in note
    card = load_checkpoint(LAST).card
    assert (card.data_name, card.data_count) == ("digits", 10_000)
    assert "could not be downloaded" in card.data_note
    more = ganctl("train", "--resume", "--epochs", 2)  # asks no mirror again
    assert more.code == 0 and "could not" not in more.err
    assert load_checkpoint(LAST).card.data_note == card.data_note


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_a_signal_saves_and_says_how_to_go_on(
    number: signal.Signals, code: int, small_data: Path, tmp_path: Path, ganctl: Ganctl
) -> None:
    command = [sys.executable, "-m", "ganctl", "train", "--data", str(small_data)]
    process = subprocess.Popen(
        [*command, "--name", "run", "--epochs", "100000", "--checkpoint-every", "0"],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    line = process.stderr.readline()
    assert line.startswith("epoch 1/100000")
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert f"note: stopped after step {load_checkpoint(LAST).step:,}; saved {LAST}\n" in err
    assert ("note: saving; Ctrl-C again leaves without\n" in err) == (number == signal.SIGINT)
    assert "to go on: ganctl train --resume run" in err
    checkpoint = load_checkpoint(LAST)
    assert checkpoint.step > 0
    epochs = checkpoint.step // 4 + 2
    assert ganctl("train", "--resume", "--name", "run", "--epochs", epochs).code == 0
    assert load_checkpoint(LAST).step == 4 * epochs


def test_ctrl_c_before_the_first_step_says_that_nothing_is_there(
    ganctl: Ganctl, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(start, "load_data", interrupted)
    told = "note: stopped before training began; nothing was written\n"
    assert ganctl("train", "--data", "digits") == (130, "", told)
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_goes_away_does_not_stop_the_run(small_data: Path) -> None:
    command = [sys.executable, "-m", "ganctl", "train", "--data", str(small_data)]
    process = subprocess.Popen(
        [*command, "--name", "run", "--epochs", "5"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    assert process.stderr.readline().startswith(b"epoch 1/5")
    process.stderr.close()
    assert process.wait(60) == 0
    assert load_checkpoint(LAST).step == 20


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
def test_a_terminal_that_goes_away_does_not_stop_the_run(small_data: Path) -> None:
    main_end, other_end = os.openpty()
    command = [sys.executable, "-m", "ganctl", "train", "--data", str(small_data)]
    process = subprocess.Popen(
        [*command, "--name", "run", "--epochs", "8"],
        stdout=other_end,
        stderr=other_end,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"},
    )
    os.close(other_end)
    assert os.read(main_end, 1)
    os.close(main_end)
    assert process.wait(120) == 0
    assert load_checkpoint(LAST).step == 32
    more = [*command, "--name", "run"]  # which is refused, and has nobody to tell
    main_end, other_end = os.openpty()
    os.close(main_end)
    assert subprocess.run(more, stdout=other_end, stderr=other_end, check=False).returncode == 3
    os.close(other_end)


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
def test_a_terminal_gets_a_panel_of_curves_and_pictures(small_data: Path) -> None:
    main_end, other_end = os.openpty()
    options = ["--data", str(small_data), "--epochs", "30", "--sample-every", "0"]
    process = subprocess.Popen(
        [sys.executable, "-m", "ganctl", "train", *options],
        stdout=subprocess.PIPE,
        stderr=other_end,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"},
    )
    os.close(other_end)
    shown = b""
    while True:
        try:
            shown += os.read(main_end, 65536)
        except OSError:  # the other end is closed
            break
    os.close(main_end)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and out.startswith(b"trained 30 epochs in ")
    text = shown.decode()
    last = text[text.rindex("epoch ") :]
    assert last.startswith("epoch 30/30  step 4/4  \x1b[32m━━━") and "0:00 left" in last
    assert "D(G(z))" in text and "Fréchet distance" in text and "█" in text
    assert re.search("\x1b\\[38;5;[0-9]+;48;5;[0-9]+m▀", text)  # and a picture, without any grid
    assert text.count("\x1b[J") < text.count("epoch ")  # most frames write what has changed


@pytest.mark.parametrize("terminal", ["dumb", "xterm"])
def test_plain_is_one_line_an_epoch_on_a_terminal_too(
    terminal: str, ganctl: Ganctl, small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", terminal)
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    plain = [] if terminal == "dumb" else ["--plain"]
    outcome = ganctl("train", "--data", small_data, "--epochs", 2, "--name", "run", *plain)
    assert outcome.code == 0 and "\x1b" not in outcome.err
    assert [line[:9] for line in outcome.err.splitlines()] == ["epoch 1/2", "epoch 2/2"]


def test_quiet_prints_errors_alone(ganctl: Ganctl, small_data: Path) -> None:
    arguments = ["train", "--data", small_data, "--epochs", 1, "--quiet", "--name", "run"]
    threads = ["--threads", 1024]  # more than there are, of which a note would tell
    assert ganctl(*arguments, *threads) == (0, "", "")
    assert load_checkpoint(LAST).step == 4
    again = ganctl(*arguments)
    assert again.code == 3 and again.out == "" and again.err.startswith("error: ")
    both = ganctl(*arguments, "--plain")
    assert both.code == 2 and "choose one of --plain and --quiet" in both.err


def test_quiet_is_silent_about_a_report_that_could_not_be_drawn(
    ganctl: Ganctl, small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    arguments = ["train", "--data", small_data, "--epochs", 1, "--quiet", "--name", "run"]
    assert ganctl(*arguments) == (0, "", "")
    assert load_checkpoint(LAST).step == 4 and not LAST.with_name("report.html").exists()
    assert ganctl("train", "--resume", "run", "--quiet") == (0, "", "")  # which tries again


def test_what_is_not_made_is_not_named(ganctl: Ganctl, small_data: Path) -> None:
    arguments = ["--data", small_data, "--epochs", 1, "--name", "run", "--eval-every", 0]
    outcome = ganctl("train", *arguments, "--sample-every", 0)
    assert "wrote checkpoints/run: last checkpoint\nthere too: report.html, curves.png\n" in (
        outcome.out
    )


@pytest.mark.parametrize(("real", "scale"), [(5.975, "; real test digits: 6.0"), (None, "")])
def test_the_end_says_how_good_it_is_beside_real_digits(real: float | None, scale: str) -> None:
    shown = TrainingScreen(lambda: real, plain=True)
    with shown:
        at = Progress(1, 1, 4, 4, 1.0, 1.0, 0.5, 0.5, images_per_second=1.0)
        shown.show(at)
        assert shown.quality == []
        shown.show(dataclasses.replace(at, frechet_distance=1234.56))
    assert shown.quality == [f"Fréchet distance 1,234.6{scale}"]


def test_the_next_command_names_the_run_only_where_it_must(
    ganctl: Ganctl, small_data: Path
) -> None:
    arguments = ["train", "--data", small_data, "--epochs", 1, "--eval-every", 0]
    arguments += ["--precision", "fp32", "--threads", 1, "--name"]
    assert ganctl(*arguments, "run").out.endswith("next: ganctl sample out.png\n")
    assert ganctl(*arguments, "other").code == 0
    newest = Path("checkpoints/other/last.safetensors")
    os.utime(newest, (2e9, 2e9))  # another training that saves meanwhile
    more = ganctl("train", "--resume", "run", "--epochs", 2)
    assert more.out.endswith("next: ganctl sample --checkpoint run out.png\n")
    Path("checkpoints/run").rename("a run elsewhere")
    more = ganctl("train", "--resume", "a run elsewhere", "--epochs", 3)
    assert more.out.endswith("next: ganctl sample --checkpoint 'a run elsewhere' out.png\n")


def test_a_run_that_torchrun_may_restart_needs_a_name(
    ganctl: Ganctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCHELASTIC_MAX_RESTARTS", "1")
    outcome = ganctl("train", "--data", "digits", "--epochs", 1)
    assert outcome.code == 3
    assert "torchrun may start this run again" in outcome.err
    assert "--name NAME" in outcome.err
    assert not (tmp_path / "checkpoints").exists()


def test_a_restart_never_goes_on_with_a_run_that_it_did_not_begin(
    ganctl: Ganctl, small_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["train", "--data", small_data, "--epochs", 1, "--name", "run"]
    assert ganctl(*arguments).code == 0
    before = LAST.read_bytes()
    monkeypatch.setenv("TORCHELASTIC_MAX_RESTARTS", "1")
    for count in ("0", "1"):
        monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", count)
        outcome = ganctl(*arguments, "--epochs", 2)
        assert (outcome.code, "exists already" in outcome.err) == (3, True)
    assert LAST.read_bytes() == before
