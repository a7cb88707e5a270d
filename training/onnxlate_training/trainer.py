"""The training loop: batches in, updates out, exactly repeatable.

One update is `accumulate` batches, shared out over the processes; its gradient is
the sum over its real target tokens divided by their number. Every batch seeds its
own dropout, so the same recipe takes the same path on one process or several,
interrupted or not.
"""

import math
import time
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from onnxlate.errors import TrainingError

from .batch_loss import BatchLoss
from .batches import Batch, BatchPlan, Members, Window
from .checkpoint import Checkpoint, Progress, RunFolder
from .gradients import Gradients, made_alike
from .model import Transformer
from .optimizer import build_optimizers, load_moments, moments_of
from .precision import training_precision
from .recipe import Recipe
from .reporting import Reporter
from .tally import Tally
from .texts import Texts
from .validation import Scores, Validation
from .weights import load_weights, weights_of
from .workers import Worker, agreed, together, total


class _ToldToStop(Exception):
    """Ends a validation that a signal makes pointless."""


class Trainer:
    """One run, from where its newest checkpoint stands to its end."""

    def __init__(
        self,
        recipe: Recipe,
        texts: Texts,
        model: Transformer,
        run: RunFolder,
        worker: Worker,
        reporter: Reporter,
    ) -> None:
        self._recipe = recipe
        self._model = model.to(worker.device).train()
        self._run = run
        self._worker = worker
        self._reporter = reporter
        batch, train = recipe.batch, recipe.train
        self._plan = BatchPlan(
            texts.training, batch.max_tokens, batch.accumulate, recipe.seed
        )
        self._validation = Validation(
            texts.validation,
            texts.source_tokenizer,
            texts.target_tokenizer,
            recipe.decode,
            recipe.data.target_language,
        )
        self._optimizers = build_optimizers(self._model, recipe.optimizer)
        self._precision = training_precision(recipe, worker.device)
        self._scaler = torch.amp.GradScaler(
            worker.device.type, enabled=self._precision is torch.float16
        )
        self._batch_loss = BatchLoss(self._model, train)
        parameters = list(self._model.parameters())
        made_alike(parameters, worker)
        # What one process learns from one batch needs no adding up.
        several = worker.world > 1 or batch.accumulate > 1
        self._gradients = (
            Gradients(parameters, worker, train.exchange) if several else None
        )
        self._tally = Tally()
        self._saved = 0
        self.progress = Progress()
        self.stop_signal = 0
        """Set by a signal handler: the run saves and stops after this update."""

    def resume(self) -> bool:
        """Takes up the newest checkpoint; False if there is none.

        Raises TrainingError if it is damaged or not of this model.
        """
        checkpoints = self._run.checkpoints()
        if not checkpoints:
            return False
        newest = checkpoints[-1]
        load_weights(self._model, newest.load_model())
        load_moments(self._model, self._optimizers, newest.load_optimizer())
        self.progress = newest.load_progress()
        self._saved = self.progress.update
        if self.progress.loss_scale:
            self._scaler.load_state_dict(dict(self.progress.loss_scale))
        self._score_anew(newest)
        return True

    def _score_anew(self, newest: Checkpoint) -> None:
        """By what "best" means now: train.metric may be another one than before."""
        known = {
            record["update"]: Scores(record["loss"], record["bleu"], record["chrf"])
            for record in self._run.records()
            if record["kind"] == "valid" and {"loss", "bleu", "chrf"} <= record.keys()
        }
        scores, metric = self.progress.scores, self._recipe.train.metric
        if not scores.keys() <= known.keys():
            return  # the history is not all there
        anew = {update: known[update].value(metric) for update in scores}
        if anew != scores:
            self.progress.scores = anew
            if self._worker.leads:
                newest.write_progress(self.progress)

    def run(self) -> bool:
        """Trains to the end; False if it was asked to stop before.

        What comes next follows from the progress alone, so that a run stopped at any
        point, also between an update and its validation, goes on with just that.
        Raises TrainingError if the loss is no number or the disk is full; the newest
        whole checkpoint stays.
        """
        updates = self._updates()
        while not self._stopping():
            if self._validation_is_due():
                self._validate()
            elif self._finished():
                return True
            else:
                self._update(*next(updates))
                if self._checkpoint_is_due():
                    self._save()
        if self._saved != self.progress.update:
            self._save(in_between=True)
        return False

    # ------------------------------------------------------------ what is next

    def _stopping(self) -> bool:
        # Not overwritten with 0: a signal may have come while the others were asked.
        if number := int(agreed(self._worker, self.stop_signal)):
            self.stop_signal = number
        return number != 0

    def _validation_is_due(self) -> bool:
        update, train = self.progress.update, self._recipe.train
        reached = update == train.max_updates or update % train.validate_every == 0
        return reached and update > 0 and update not in self.progress.scores

    def _checkpoint_is_due(self) -> bool:
        # Before its validation, which takes long enough to be killed in.
        saving = self.progress.update % self._recipe.train.save_every == 0
        return saving or self._validation_is_due()

    def _finished(self) -> bool:
        train, ranking = self._recipe.train, self.progress.ranking
        if self.progress.update >= train.max_updates:
            return True
        if not train.patience or not ranking:
            return False
        since = sum(update > ranking[0] for update in ranking)
        if since < train.patience:
            return False
        self._reporter.say(f"no better validation since update {ranking[0]}; done")
        return True

    def _updates(self) -> Iterator[tuple[Window, Sequence[Members]]]:
        """Each update from here on, its window and its batches there, without end."""
        progress = self.progress
        while True:
            window = self._plan.window(progress.epoch, progress.window)
            while progress.updates_in_window < len(window.updates):
                yield window, window.updates[progress.updates_in_window]
            del window  # before the next one comes
            progress.updates_in_window = 0
            progress.window += 1
            if progress.window == self._plan.num_windows:
                progress.epoch += 1
                progress.window = 0

    # ------------------------------------------------------------- one update

    def _update(self, window: Window, batches: Sequence[Members]) -> None:
        started, cpu_started = time.perf_counter(), time.process_time()
        update = self.progress.update + 1
        rate = self._recipe.schedule.rate(update, self._recipe.train.max_updates)
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
        num_tokens = sum(window.num_tokens(each) for each in batches)
        loss = self._accumulate(update, window, batches, num_tokens)
        norm = self._step()
        self._check(update, loss / num_tokens, norm, rate)
        seconds = time.perf_counter() - started

        self.progress.update = update
        self.progress.updates_in_window += 1
        self.progress.num_target_tokens += num_tokens
        self.progress.seconds += seconds
        tally = self._tally
        tally.loss += loss
        tally.tokens += num_tokens
        tally.seconds += seconds
        tally.cpu_seconds += time.process_time() - cpu_started
        tally.gradient_norms.append(norm)
        self._reporter.advance(update, tally.mean_loss, tally.speed)
        if update % self._recipe.train.log_every == 0:
            figures = tally.figures(rate, self.progress.epoch)
            self._reporter.log(update, "train", figures)
            self._tally = Tally()

    def _accumulate(
        self,
        update: int,
        window: Window,
        batches: Sequence[Members],
        num_tokens: int,
    ) -> float:
        """Adds up the gradients of all processes' batches; their loss."""
        worker = self._worker
        for optimizer in self._optimizers:
            optimizer.zero_grad()
        # Read once, at the end: reading waits until a GPU has caught up.
        summed = torch.zeros((), dtype=torch.float64, device=worker.device)
        for index in range(worker.rank, len(batches), worker.world):
            loss = self._loss(update, index, window.batch(batches[index]))
            summed += loss.detach()
            scaled = self._scaler.scale(loss * (1 / num_tokens))
            torch.autograd.backward(scaled)
            if self._gradients:
                self._gradients.add()
        if self._gradients:
            self._gradients.settle()
        return total(worker, float(summed))

    def _loss(self, update: int, index: int, batch: Batch) -> Tensor:
        torch.manual_seed(batch_seed(self._recipe.seed, update, index))
        device = self._worker.device
        with torch.autocast(
            device.type, self._precision, enabled=self._precision is not None
        ):
            loss: Tensor = self._batch_loss(batch.to(device), update)
        return loss

    def _step(self) -> float:
        """Clips and applies the gradients; their norm before clipping."""
        for optimizer in self._optimizers:
            self._scaler.unscale_(optimizer)
        limit = self._recipe.optimizer.clip_norm or math.inf
        norm = nn.utils.clip_grad_norm_(self._model.parameters(), limit)
        # All or none: the scaler would leave out only the one whose part overflowed.
        if bool(norm.isfinite()):
            for optimizer in self._optimizers:
                self._scaler.step(optimizer)
        self._scaler.update()
        return float(norm)

    def _check(self, update: int, loss: float, norm: float, rate: float) -> None:
        # fp16's scaler meets infinite gradients while it looks for its scale.
        if math.isfinite(loss) and (math.isfinite(norm) or self._scaler.is_enabled()):
            return
        raise TrainingError(
            f"update {update}: the loss is {loss:g} and the gradient's norm {norm:g} "
            f"at learning rate {rate:.2g}; the newest checkpoint is from before. "
            "Lower schedule.peak, lengthen schedule.warmup_updates, or use "
            'model.norm "pre"'
        )

    # ---------------------------------------------------------- now and then

    def _validate(self) -> None:
        update, scores = self.progress.update, self.progress.scores
        with together(self._worker):
            if self._worker.leads:
                self._score()
        self._model.train()
        # The others run out of patience at the same update.
        score = agreed(self._worker, scores.get(update, -math.inf))
        if score > -math.inf:
            scores[update] = score

    def _score(self) -> None:
        """Scores the model and notes it, unless a signal comes in between."""
        started = time.perf_counter()
        device = self._worker.device
        try:
            scores = self._validation.scores(self._model, device, self._heed_signals)
        except _ToldToStop:
            return
        if not math.isfinite(scores.loss):
            raise TrainingError(
                f"update {self.progress.update}: the validation loss is "
                f"{scores.loss:g}; lower schedule.peak"
            )
        seconds = round(time.perf_counter() - started, 1)
        figures = {"loss": scores.loss, "bleu": scores.bleu, "chrf": scores.chrf}
        self._reporter.log(
            self.progress.update, "valid", {**figures, "seconds": seconds}
        )
        metric = self._recipe.train.metric
        self.progress.scores[self.progress.update] = scores.value(metric)
        self.progress.in_between = False  # it is among the scores now
        self._run.checkpoints()[-1].write_progress(self.progress)
        self._prune()

    def _heed_signals(self, num_sentences: int) -> None:
        if self.stop_signal:
            raise _ToldToStop

    def _save(self, in_between: bool = False) -> None:
        self.progress.in_between = in_between
        with together(self._worker):
            if self._worker.leads:
                self.progress.loss_scale = self._scaler.state_dict()
                self._run.save(
                    weights_of(self._model),
                    moments_of(self._model, self._optimizers),
                    self.progress,
                )
                self._prune()
        self._saved = self.progress.update

    def _prune(self) -> None:
        train = self._recipe.train
        self._run.prune(self.progress, train.keep_last, train.keep_best)


def batch_seed(seed: int, update: int, index: int) -> int:
    """A random seed of a batch's own, the same in whatever process it is learnt from.

    Mixed well into every bit: of what torch.manual_seed is given, the CPU's generator
    takes the lowest 32 and no more.
    """
    mixed = np.random.SeedSequence((seed, update, index))
    return int(mixed.generate_state(1, np.uint64)[0])
