"""The training loop: epochs of steps, figures, samples and checkpoints; it knows no terminal."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from ganctl.checkpoint_file import read_checkpoint
from ganctl.config import TrainConfig
from ganctl.data import ImageData
from ganctl.errors import BadInput, CheckFailed
from ganctl.images import Pixels
from ganctl.locks import Claim
from ganctl.notify import Notify, ignore
from ganctl.runs.run_dir import FileId, RunDir
from ganctl.text import counted
from ganctl.training.batches import epoch_batches, epoch_steps, place, scale
from ganctl.training.checkpoint import Checkpoint, decode
from ganctl.training.distributed import ALONE, World
from ganctl.training.losses import OBJECTIVES
from ganctl.training.observer import Measure, Observer, Stopped
from ganctl.training.precision import DTYPES, LowPrecision
from ganctl.training.progress import Clock, Progress
from ganctl.training.record import Record
from ganctl.training.state import (
    TrainState,
    average_weights,
    drawing_tensors,
    new_state,
    restore_state,
    state_tensors,
)
from ganctl.training.step import (
    add_gradient_penalty,
    add_lipschitz_penalty,
    adversarial_step,
)

LIPSCHITZ_WEIGHT = 10.0
"""Of the Wasserstein objective's penalty, which takes R1's place (Gulrajani et al. 2017)."""

LIPSCHITZ_EVERY = 4
"""Steps between its penalties, each weighted so many times as much."""

STOP_EVERY = 10
"""Steps between the questions whether to stop, where several processes must agree on it."""


@dataclass
class Training:
    """One run: its state, and all that it needs to move on.

    Attributes:
        state: new, or restored from a checkpoint; it is changed.
        data: the training images.
        config: of the run.
        run: its folder, which exists.
        world: the processes that the run is spread over; the leading one alone writes.
        found: which newest checkpoint the run had when its state was read: it must still be there
            when training begins; None where that is of no matter.
        is_new: whether the run has no checkpoint yet: nor must it when training begins.
        measure: says how good the images are, every ``config.eval_every`` epochs.
        notify: told, in a line each, what the user should know on the way.
        quality: what was measured of the generator as it stands.
        on_samples: shown the sample grid's images (N, C, H, W) with each grid and, as a preview,
            between them; None: nobody looks, and none is drawn for it.
    """

    state: TrainState
    data: ImageData
    config: TrainConfig
    run: RunDir
    world: World = ALONE
    found: FileId = None
    is_new: bool = False
    measure: Measure | None = None
    notify: Notify = ignore
    quality: dict[str, float] = dataclasses.field(default_factory=dict)
    on_samples: Callable[[Pixels], None] | None = None

    def __post_init__(self) -> None:
        state, dtype = self.state, DTYPES[self.config.precision]
        self._gradients = (
            partial(adversarial_step, state.generator, state.discriminator)
            if dtype == torch.float32
            else LowPrecision(state.generator, state.discriminator, dtype).adversarial_step
        )
        players = (state.vectors["generator"], state.vectors["discriminator"])
        self._vector_gradients = [vector.grad for vector in players if vector.grad is not None]
        self._distance: float | None = None
        self._record = Record(self.run, self.data, self.config, self.notify)

    def train(self, report: Callable[[Progress], None], should_stop: Callable[[], bool]) -> bool:
        """Train to the configured number of epochs, saving on the way and at the end.

        Args:
            report: told several times a second, and at each epoch's end (``step == steps``).
            should_stop: asked before each step, where several processes must agree to stop before
                every `STOP_EVERY`-th, and between the images that are measured.

        Returns:
            True when all epochs are finished; False when the run was stopped, and saved, before.

        Raises:
            CheckFailed: a loss, a gradient or a weight is no finite number, more often than
                ``config.max_rollbacks`` allows; the last good checkpoint stays.
            BadInput: another process trains this run, or has gone on with it, or the last
                checkpoint cannot be written.
            OutOfResources: there is no room for the last checkpoint.
        """
        self._observer = Observer(
            *(self.state, self.data, self.config, self._record), self.on_samples, self.notify
        )
        with self.run.locked() if self.world.leads else nullcontext() as claim:
            self._check_found()
            if claim is not None:
                self._begin_record(claim)
            while True:
                try:
                    finished = self._train(report, should_stop)
                    break
                except Diverged as error:
                    if self.state.rollbacks >= self.config.max_rollbacks:
                        raise
                    self._roll_back(error)
            if claim is not None:
                self._record.finish()
            return finished

    def _begin_record(self, claim: Claim) -> None:
        """Let the newest checkpoint be where the run stands, before it moves.

        So a run can go on wherever it is killed: a new one, and one that has gone back or further.
        """
        newest = self._record.begin(claim)
        goes_back = newest is not None and newest.step > self.state.step
        if self.is_finished and goes_back:  # an older copy, from which nothing goes on
            return
        self._record.write_config()
        if newest is None or (newest.step, newest.config) != (self.state.step, self.config):
            self._save()
            if goes_back:
                self._record.finish()  # or its figures went, and it stayed
        else:
            self._record.keep_copy(self.state.step)
        self._record.rewind(self._recorded, self._recorded // self.steps)
        if self.config.sample_every and not self.state.step:
            self._observer.draw_samples(0)  # the film begins with it

    def _check_found(self) -> None:
        """Refuse a run that another process has gone on with before it was claimed."""
        stamp = self.run.checkpoint_id
        gone_on = self.found not in (None, stamp) or (self.is_new and stamp is not None)
        self.found, self.is_new = None, False  # from now on it is this one that saves
        if self.world.any(gone_on, self.state.device):
            raise BadInput(
                f"another process has gone on with {self.run.name} meanwhile",
                f"go on from where it is now: {self.run.resume_command}",
            )

    def _train(self, report: Callable[[Progress], None], should_stop: Callable[[], bool]) -> bool:
        device = self.state.device
        images = place(torch.from_numpy(self.data.images).flatten(1), device)
        labels = self._labels(device)
        count, batch_size = len(images), self.config.batch_size
        while not self.is_finished:
            epoch, done = self._position
            batches = epoch_batches(
                self.config.seed, epoch, count, batch_size, self.state.rollbacks
            )
            clock = Clock()
            for indices in batches[done:]:
                if self._agree(should_stop):
                    return self._stop()
                if clock.images and clock.is_due():
                    self._observer.preview()
                    report(self._progress(epoch, clock))
                mine = self.world.share(indices).to(images.device)
                real = scale(images.index_select(0, mine).to(device))
                chosen = None if labels is None else labels.index_select(0, mine).to(device)
                self._step(real, self._latents(len(indices)), chosen)
                clock.images += len(indices)
            progress = self._progress(epoch, clock)
            if not self._finish_epoch(progress, clock.seconds(), should_stop):
                return self._stop()
            report(dataclasses.replace(progress, frechet_distance=self._distance))
        return True

    @property
    def steps(self) -> int:
        """Return the steps in an epoch."""
        return epoch_steps(len(self.data.images), self.config.batch_size)

    @property
    def is_finished(self) -> bool:
        """Tell whether there is nothing left to do: all epochs are trained and recorded."""
        return self._position[0] >= self.config.epochs

    @property
    def _position(self) -> tuple[int, int]:
        """Return the current epoch, from 0, and the steps finished in it.

        An epoch whose sums are still there is not over, though all its steps are: its figures are
        not recorded.
        """
        epoch, done = divmod(self.state.step, self.steps)
        if not done and bool(self.state.epoch_totals.any()):
            return epoch - 1, self.steps
        return epoch, done

    @property
    def _recorded(self) -> int:
        """Return the step up to which the record stands, where the state does."""
        return self.state.step - (self._position[1] == self.steps)

    @property
    def _rate(self) -> float:
        """Return the share of the learning rate that the next step is taken at."""
        step, after = self.state.step, self.config.decay_after
        if not after or step <= after:
            return 1.0
        total = self.steps * self.config.epochs
        return max(self.config.decay_floor, (total - step) / (total - after))

    def _agree(self, should_stop: Callable[[], bool]) -> bool:
        if self.world.size > 1 and self.state.step % STOP_EVERY:
            return False
        return self.world.any(should_stop(), self.state.device)

    def _latents(self, count: int) -> Tensor:
        """Return this process's share of the latents of the next ``count`` images."""
        shape, state = (count, self.config.model.latent_dim), self.state
        return self.world.share(torch.randn(shape, generator=state.latent_rng, device=state.device))

    def _labels(self, device: torch.device) -> Tensor | None:
        """Return the labels of a conditional run's images."""
        if not self.config.model.classes or self.data.labels is None:
            return None
        return place(torch.from_numpy(self.data.labels), device)

    def _step(self, real: Tensor, z: Tensor, labels: Tensor | None) -> None:
        state = self.state
        figures = self._gradients(real, z, labels, OBJECTIVES[self.config.objective])
        self._penalise(real, z, labels)
        self.world.average([*self._vector_gradients, figures])
        self._check_gradients(figures)
        state.adam.lr = self.config.lr * self._rate
        state.adam.step()
        average_weights(state, self.config)
        state.epoch_totals += figures
        state.step += 1
        self.quality = {}

    def _penalise(self, real: Tensor, z: Tensor, labels: Tensor | None) -> None:
        """Add the gradient of the objective's penalty to the discriminator's, where one is due."""
        state, config = self.state, self.config
        if config.objective == "wasserstein":
            if state.step % LIPSCHITZ_EVERY == 0:
                with torch.no_grad():
                    fake = state.generator(z, labels)
                shape, device = (len(z) * self.world.size, 1), state.device
                mix = torch.rand(shape, generator=state.latent_rng, device=device)
                weight = LIPSCHITZ_WEIGHT * LIPSCHITZ_EVERY
                mine = self.world.share(mix)[: len(z)]
                add_lipschitz_penalty(state.discriminator, real, fake, mine, weight, labels)
        elif config.r1_weight and state.step % config.r1_every == 0:
            weight = config.r1_weight * config.r1_every
            add_gradient_penalty(state.discriminator, real, weight, labels)

    def _progress(self, epoch: int, clock: Clock) -> Progress:
        step = self.state.step - epoch * self.steps
        means = (self.state.epoch_totals / step).tolist()
        return Progress(
            epoch=epoch + 1,
            epochs=self.config.epochs,
            step=step,
            steps=self.steps,
            **dict(zip(("g_loss", "d_loss", "d_real", "d_fake"), means, strict=True)),
            images_per_second=clock.images / clock.seconds(),
            frechet_distance=self._distance,
        )

    def _stop(self) -> bool:
        self._check_weights()
        self._save()
        self.world.any(False, self.state.device)  # torchrun ends all when the first one ends
        return False

    def _finish_epoch(
        self, progress: Progress, seconds: float, should_stop: Callable[[], bool]
    ) -> bool:
        """Measure, record, draw and save what is due; return False where a stop cuts it short.

        Then nothing is recorded, the epoch's sums stay, and who goes on takes its figures anew.
        """
        self._check_weights()
        epoch, config = progress.epoch, self.config
        last = epoch == config.epochs
        due = self.world.leads and (last or _is_due(epoch, config.eval_every))
        if self.world.any(due and not self._measure(should_stop), self.state.device):
            return False
        self.state.epoch_totals.zero_()
        if not self.world.leads:
            return True
        self._record.add_figures(progress.line(self.state.step, seconds) | self.quality)
        if config.objective != "wasserstein":  # whose D(x) are no probabilities
            self._observer.watch_outputs(progress.d_real, progress.d_fake)
        if config.sample_every and (last or _is_due(epoch, config.sample_every)):
            self._observer.draw_samples(epoch)
        else:
            self._observer.preview()
        if last or _is_due(epoch, config.checkpoint_every):
            self._save()
        return True

    def _measure(self, should_stop: Callable[[], bool]) -> bool:
        """Measure the generator as it stands, and keep it if it is the best so far.

        With no `measure`, or none wanted, there are no figures. Return False where a stop cuts it
        short.
        """
        if self.measure is None or not self.config.eval_every:
            return True
        try:
            self.quality = self._observer.measured(self.measure, should_stop)
        except Stopped:
            return False
        state, self._distance = self.state, self.quality["frechet_distance"]
        if self._distance < self._record.best_distance(state.best_distance):
            self._record.save_best(self._checkpoint(drawing_tensors(state), self.quality))
        state.best_distance = min(state.best_distance, self._distance)
        return True

    def _check_gradients(self, figures: Tensor) -> None:
        """Stop before the weights move, if they would to where there are no numbers."""
        squares = [gradient.dot(gradient) for gradient in self._vector_gradients]
        if bool(torch.isfinite(torch.stack([*squares, figures[:2].sum()])).all()):
            return
        raise self._diverged("a gradient" if bool(torch.isfinite(figures).all()) else "a loss")

    def _check_weights(self) -> None:
        """Keep a weight that is not finite out of samples and checkpoints, in whichever process."""
        tensors = state_tensors(self.state).values()
        here = not all(bool(torch.isfinite(tensor).all()) for tensor in tensors)
        if self.world.any(here, self.state.device):
            raise self._diverged("a weight")

    def _save(self) -> None:
        if self.world.leads:
            self.state.drawing_generator()  # saved with BatchNorm statistics of its own
            self._record.save(self._checkpoint(state_tensors(self.state), self.quality))

    def _checkpoint(self, tensors: dict[str, Tensor], quality: dict[str, float]) -> Checkpoint:
        return self._record.checkpoint(self.state, tensors, self.state.step // self.steps, quality)

    def _diverged(self, what: str) -> Diverged:
        step = self.state.step
        way_out = "try a lower --lr, or --max-rollbacks 3"
        if self.world.leads:
            if self._record.dump(self._checkpoint(state_tensors(self.state), {})):
                way_out += f"; its state is in {self.run.diverged}"
            if self.run.checkpoint.exists():
                way_out += f"; the last good checkpoint is {self.run.checkpoint}"
        return Diverged(
            f"training diverged: {what} is not finite after {counted(step, 'step')}", way_out
        )

    def _roll_back(self, error: Diverged) -> None:
        """Go back to the newest checkpoint, or to the beginning, with another order of the data.

        The leading process reads it for all, so that they go back to the same.
        """
        state, again, path = self.state, self.state.rollbacks + 1, self.run.checkpoint
        there = self.world.leads and path.exists()  # unless it could never be written
        data = self.world.bytes_from_leader(read_checkpoint(path) if there else b"")
        if data:
            saved = decode(data, str(path))
            if saved.step > state.step:  # one that could not be replaced by the run's own
                raise error
            tensors, step, self.quality = saved.tensors, saved.step, saved.card.quality
        else:
            tensors, step, self.quality = state_tensors(new_state(self.config, state.device)), 0, {}
        restore_state(state, tensors, step)
        state.rollbacks = again
        state.latent_rng.manual_seed(self.config.seed + 2**32 * again + step)
        if self.world.leads:
            self._record.rewind(self._recorded, self._recorded // self.steps)
        self.notify(
            f"{error.message}; going back to step {step:,} and on in another order "
            f"({again} of {self.config.max_rollbacks})"
        )


class Diverged(CheckFailed):
    """A loss, a gradient or a weight is no finite number."""


def _is_due(epoch: int, every: int) -> bool:
    """Tell whether something is due that happens every so many epochs; 0 for never."""
    return every > 0 and epoch % every == 0
