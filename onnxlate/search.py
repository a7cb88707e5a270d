"""Which token next: greedy and beam search over rows of logits.

Numpy alone, so that PyTorch in training, onnxruntime in the export gate and the
serving engine all search with this one piece of code, and can differ only in their
logits. Sentences stand side by side and each is at its own step; a step costs about
the same for one as for many, and nobody's outcome depends on who stands beside.

Axes: P places (sentences), k hypotheses of each, R = P * k rows, V vocabulary, T target
positions.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from .beam import (
    Beams,
    Doubles,
    Ended,
    Extensions,
    beam_dtype,
    placed,
    ranked,
    survivors,
)
from .candidates import Floats as Floats
from .candidates import Ints as Ints
from .candidates import LogProbs, NumpyLogProbs, likeliest
from .finish import FinishReason as FinishReason
from .ruled import Candidate, Place, RuledBeams, arranged
from .sentence import Hypothesis as Hypothesis
from .sentence import SearchOptions as SearchOptions
from .sentence import Sentence

Bools = npt.NDArray[np.bool_]

LikeliestOf = Callable[[Floats], Ints]
"""(R, V) -> (R,) the token of each row."""

Rank = Callable[[Doubles, Floats], Extensions]
"""The best extensions of hypotheses so likely so far, by logits: (P, k), (R, V) ->
(P, W); as beam.ranked of the likeliest tokens."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a step asks of each row's scores, where nobody has rules."""

    width: int
    """How many of the best tokens; as many as there are, where that is less."""

    with_scores: bool
    barred: Bools | None
    """(R,) Whose sentence may not end yet; None where that is nobody."""


@dataclass(frozen=True, slots=True)
class Best:
    """The answer: best first, the smaller of equal tokens. (R, C) both."""

    tokens: Ints
    log_probs: Floats
    """Or anything else in that order, where no scores are wanted."""


Finished = dict[int, list[Hypothesis]]
"""By place: the outcome, best first, at most num_hypotheses."""

MIN_ROOM = 32
"""Target positions that there is room for at first; it doubles when it is short."""


def highest(logits: Floats) -> Ints:
    """The token with the highest logit, the smaller of equals: (R, V) -> (R,)."""
    tokens: Ints = logits.argmax(axis=1)
    return tokens


@dataclass(frozen=True, slots=True)
class Turn:
    """What the decoder is fed next, and who is done."""

    tokens: Ints
    """(R,) The next token of each row; anything in rows of finished sentences."""

    parents: Ints
    """(R,) Row r continues what row parents[r] was, mostly itself. A row whose parent
    is another row is nobody's parent, so copies may be made in place, in any order.
    Rows of finished sentences are their own parents."""

    finished: Finished


class Searches:
    """Sentences of one beam size: the one at place i has rows i * k to (i + 1) * k - 1.

    Greedy search always takes the likeliest token. Beam search keeps the `beam_size`
    likeliest unfinished hypotheses. Twice as many candidates are looked at, so that
    however many of them end, beam_size remain, and ended ones must stand among the
    best beam_size to count (fairseq, Marian and CTranslate2 do the same). A search is
    over when beam_size have ended and nobody who lives is ahead of the best of them.
    Others stop at beam_size ended: where a model is sure of itself, the rest of the
    beam are stumps that end early, and the only good hypothesis would be cut off.
    """

    def __init__(
        self,
        beam_size: int,
        eos_id: int,
        log_probs: LogProbs | None = None,
        rank: Rank | None = None,
    ) -> None:
        """`log_probs` normalises logits, and `rank` finds extensions where nobody has
        rules, if something is quicker than numpy."""
        self._k = beam_size
        self._eos_id = eos_id
        self._log_probs_of = log_probs or NumpyLogProbs()
        self._rank = rank or self._ranked
        self._ruled = RuledBeams(eos_id, self._log_probs_of)
        self._sentences: list[Sentence] = []
        self._state = np.zeros(0, beam_dtype(beam_size))
        self._history = np.zeros((0, beam_size, MIN_ROOM), np.int32)  # (P, k, T)
        self._rows = np.arange(0)  # (R,)
        # How many there are of what is rare, so that a step need not look.
        self._num_begun = 0  # begin with something given
        self._num_patient = 0  # may not end before so many tokens
        self._num_scored = 0
        self._num_ruled = 0  # have more to say than the likeliest token
        self._trace: Doubles | None = None  # (P, k, T) log_probs after each token

    def __len__(self) -> int:
        """Sentences, finished ones included until they are removed."""
        return len(self._sentences)

    @property
    def num_rows(self) -> int:
        return len(self._rows)

    def add(self, options: Sequence[SearchOptions]) -> None:
        """At the places behind the last; each must have this beam_size.

        In its first step, all rows of a sentence are fed the begin token.
        """
        rows = [
            _begun(each, self._k) if each.ruled else _known(each, self._k)
            for each in options
        ]
        packed = bytearray(b"".join(row for row, _ in rows))
        new = np.frombuffer(packed, self._state.dtype)
        history = np.zeros((len(options), *self._history.shape[1:]), np.int32)
        if self._sentences:
            self._state = np.concatenate([self._state, new])
            self._history = np.concatenate([self._history, history])
        else:
            self._state, self._history = new, history
        if self._trace is not None:
            self._trace = np.concatenate([self._trace, history.astype(np.float64)])
        self._sentences += [Sentence(each) for each in options]
        if any(rare for _, rare in rows):
            self._count()
        self._rows = np.arange(len(self) * self._k)

    def remove(self, places: Collection[int]) -> list[tuple[int, int]]:
        """Takes sentences out, done or not, and fills their places from the end.

        The moves, (from, to), to be done in this order; numbers of places, not rows.
        """
        gone = set(places)
        left = len(self) - len(gone)
        if not left:
            self._clear()
            return []
        gaps = sorted(place for place in gone if place < left)
        movers = [place for place in range(left, len(self)) if place not in gone]
        if movers:
            self._state[gaps] = self._state[movers]
            self._history[gaps] = self._history[movers]
        if self._trace is not None:
            self._trace[gaps] = self._trace[movers]
            self._trace = self._trace[:left]
        for mover, gap in zip(movers, gaps, strict=True):
            self._sentences[gap] = self._sentences[mover]
        del self._sentences[left:]
        self._state = self._state[:left]
        self._history = self._history[:left]
        self._rows = self._rows[: left * self._k]
        self._count()
        return list(zip(movers, gaps, strict=True))

    def _clear(self) -> None:
        self._sentences.clear()
        self._state, self._history = self._state[:0], self._history[:0]
        self._rows, self._trace = self._rows[:0], None
        self._num_begun = self._num_patient = self._num_scored = self._num_ruled = 0

    def _count(self) -> None:
        self._num_begun = int(np.count_nonzero(self._state["begin_length"]))
        self._num_patient = int(np.count_nonzero(self._state["min_length"]))
        self._num_scored = int(np.count_nonzero(self._state["scored"]))
        self._num_ruled = int(np.count_nonzero(self._state["ruled"]))
        if not self._state["traced"].any():
            self._trace = None
        elif self._trace is None:
            self._trace = np.zeros(self._history.shape)

    @property
    def needs_scores(self) -> bool:
        """Whether a step asks for more than which token is the likeliest."""
        return self._k > 1 or self._num_scored > 0 or self._num_ruled > 0

    @property
    def steps_left(self) -> Ints | None:
        """Steps of greedy search after which each sentence is cut, (P,), where they
        need nothing but its likeliest token; None where somebody wants more."""
        if self.needs_scores or not self._sentences or self._held():
            return None
        left: Ints = self._state["max_length"] - self._state["length"]
        return left

    def _held(self) -> bool:
        """Whether somebody may not end yet, or is still being given what to say."""
        if not self._num_patient:
            return self._begins()
        state, longer = self._state, self._state["length"] + 1
        return self._begins() or bool((longer < state["min_length"]).any())

    def _begins(self) -> bool:
        """Whether somebody is still being given what to say."""
        state = self._state
        return bool(self._num_begun and (state["length"] < state["begin_length"]).any())

    def beams(self, num_steps: int) -> Beams | None:
        """What so many steps of beam search need to be done elsewhere; None where
        somebody wants more than the likeliest hypotheses."""
        if self._k == 1 or self._num_ruled or self._trace is not None or self._begins():
            return None
        self._make_room(int(self._state["length"].max()) + num_steps)
        return Beams(self._state, self._history)

    def take_beams(self, ended: Iterable[Ended]) -> Finished:
        """After steps of `beams`, the last of which may have finished sentences: who
        is, as Turn.finished."""
        for each in ended:
            reason = FinishReason.LENGTH if each.is_cut else FinishReason.EOS
            sentence = self._sentences[each.place]
            sentence.end(each.tokens, each.log_prob, each.length, reason)
        over = np.flatnonzero(self._state["over"]).tolist()
        return {place: self._sentences[place].finish() for place in over}

    def take(self, tokens: Ints) -> Finished:
        """As many steps of `advance`: (steps, R); who is finished, as Turn.finished.
        What follows a sentence's end, or the token with which it is cut, means
        nothing."""
        state, num_steps = self._state, len(tokens)
        first, most = state["length"].tolist(), state["max_length"].tolist()
        lengths, finished = [], {}
        for place, said in enumerate(tokens.T.tolist()):
            del said[most[place] - first[place] :]
            ended = self._eos_id in said
            if ended:
                del said[said.index(self._eos_id) :]
            length = first[place] + len(said) + ended
            if ended or length >= most[place]:
                if first[place]:
                    said = self._history[place, 0, : first[place]].tolist() + said
                finished[place] = self._close(place, said, ended, np.nan)
            lengths.append(length)
        if len(finished) < len(lengths):
            self._make_room(max(first) + num_steps)
            at = self._rows * self._history.shape[2] + state["length"]
            self._history.reshape(-1)[at + np.arange(num_steps)[:, None]] = tokens
        state["length"] = lengths
        return finished

    def advance(self, logits: Floats, likeliest_of: LikeliestOf = highest) -> Turn:
        """One step of everyone: the logits (R, V) after each row's newest token.

        Finished sentences keep their places, and have to be removed before the next
        step. Where a sentence may not end yet, its end is set to -inf in `logits`;
        where what comes is given, all else is. As long as nobody needs_scores, `logits`
        may be rough, if `likeliest_of` knows what to make of them.
        """
        length = self._state["length"]
        length += 1
        self._make_room(int(length.max()))
        if self._num_patient:
            early = length < self._state["min_length"]
            logits[np.repeat(early, self._k), self._eos_id] = -np.inf
        if self._num_begun:
            self._begin(logits)
        if self._k > 1:
            return self._step_beams(logits)
        return self._step_greedy(logits, likeliest_of)

    def wanted(self) -> Wanted | None:
        """What the next step comes down to, for `advance_by`; None where somebody has
        rules, or is being given what to say."""
        if self._num_ruled or self._begins():
            return None
        barred = None
        if self._num_patient:
            state = self._state
            early = state["length"] + 1 < state["min_length"]
            barred = np.repeat(early, self._k) if early.any() else None
        width = 2 * self._k if self._k > 1 else 1
        return Wanted(width, self.needs_scores, barred)

    def advance_by(self, best: Best) -> Turn:
        """As `advance`, where what was `wanted` is known already."""
        self._state["length"] += 1
        self._make_room(int(self._state["length"].max()))
        if self._k > 1:
            so_far = self._state["log_probs"]
            return self._extend(ranked(so_far, best.tokens, best.log_probs))
        (scored,) = self._state["scored"].nonzero()
        self._state["log_probs"][scored] += best.log_probs[scored, :1]
        return self._say(best.tokens[:, 0])

    def _begin(self, logits: Floats) -> None:
        """Leaves what is given the only choice, and a certain one."""
        length = self._state["length"]
        for place in np.flatnonzero(length <= self._state["begin_length"]).tolist():
            rows = slice(place * self._k, (place + 1) * self._k)
            token = self._sentences[place].options.begin[length[place] - 1]
            logits[rows] = -np.inf
            logits[rows, token] = 0

    def stable_prefix(self, place: int) -> tuple[int, ...]:
        """The tokens that every possible outcome begins with; the best one at last."""
        sentence = self._sentences[place]
        if sentence.outcome is not None:
            return sentence.outcome[0].tokens if sentence.outcome else ()
        alive = self._state["log_probs"][place] != -np.inf
        live = self._history[place, alive, : self._state["length"][place]]
        shared = np.logical_and.accumulate((live == live[0]).all(axis=0)).sum()
        prefix = tuple(live[0, :shared].tolist())
        for each in sentence.ended:
            prefix = _common(prefix, each.tokens)
        return prefix

    def _step_greedy(self, logits: Floats, likeliest_of: LikeliestOf) -> Turn:
        state = self._state
        tokens = likeliest_of(logits)
        columns, taken_off = tokens[:, None], None
        if self._num_ruled:
            tokens, taken_off = self._choose_by_rules(logits, tokens)
            columns = np.hstack([columns, tokens[:, None]])
        if self._num_scored:
            (scored,) = state["scored"].nonzero()
            theirs = logits if len(scored) == len(logits) else logits[scored]
            scores = self._log_probs_of.of(theirs, columns[scored])[:, -1:]
            if taken_off is not None:
                scores -= taken_off[scored, None]
            state["log_probs"][scored] += scores
        return self._say(tokens)

    def _say(self, tokens: Ints) -> Turn:
        self._write(tokens)
        finished = self._finished_greedy(tokens == self._eos_id)
        return Turn(tokens, self._rows.copy(), finished)

    def _finished_greedy(self, ended: Bools) -> Finished:
        """Who is, where so many have ended."""
        state = self._state
        over = ended | (state["length"] >= state["max_length"])
        places = np.flatnonzero(over).tolist()
        if not places:
            return {}
        ends, lengths = ended.tolist(), state["length"].tolist()
        log_probs = state["log_probs"][:, 0].tolist()
        return {
            each: self._finish_greedy(each, ends[each], lengths[each], log_probs[each])
            for each in places
        }

    def _choose_by_rules(self, logits: Floats, tokens: Ints) -> tuple[Ints, Floats]:
        """Where there are rules, what they make of it; and what they took off the
        logits of the chosen tokens: (R, V), (R,) -> (R,), (R,)."""
        tokens = tokens.copy()
        taken_off = np.zeros(len(tokens), np.float32)
        for place in np.flatnonzero(self._state["ruled"]).tolist():
            row = logits[place].copy()
            said = self._history[place, 0, : self._state["length"][place] - 1]
            token = self._sentences[place].choose(row, said, self._eos_id)
            tokens[place] = token
            if logits[place, token] == -np.inf:  # the end, and nothing else was left
                logits[place, token] = row[token]
            if row[token] != -np.inf:
                taken_off[place] = logits[place, token] - row[token]
        return tokens, taken_off

    def _finish_greedy(
        self, place: int, ended: bool, length: int, log_prob: float
    ) -> list[Hypothesis]:
        tokens = self._history[place, 0, : length - ended].tolist()
        each = self._token_log_probs(place, 0, length - 1, log_prob)
        return self._close(place, tokens, ended, log_prob, each)

    def _close(
        self,
        place: int,
        tokens: list[int],
        ended: bool,
        log_prob: float,
        token_log_probs: tuple[float, ...] = (),
    ) -> list[Hypothesis]:
        """Of greedy search, which has one outcome; `tokens` are without an end."""
        reason = FinishReason.EOS if ended else FinishReason.LENGTH
        length, sentence = len(tokens) + ended, self._sentences[place]
        sentence.end(tokens, log_prob, length, reason, token_log_probs)
        return sentence.finish()

    def _step_beams(self, logits: Floats) -> Turn:
        ranked_by = self._ranked if self._num_ruled else self._rank
        return self._extend(ranked_by(self._state["log_probs"], logits))

    def _extend(self, best: Extensions) -> Turn:
        ends = best.tokens == self._eos_id
        counted = (ends & (best.log_probs != -np.inf))[:, : self._k]
        for place, rank in np.argwhere(counted).tolist():
            self._state["num_ended"][place] += 1
            score = self._end(best, place, rank, FinishReason.EOS)
            scores = self._state["scores"][place]
            scores[:] = np.sort(np.append(scores, score))[:0:-1]
        live = survivors(best, ends, self._k)
        return self._settle(live, self._finish_beams(live))

    def _ranked(self, log_probs: Doubles, logits: Floats) -> Extensions:
        """By numpy, and by the rules that there are."""
        tokens = likeliest(logits, 2 * self._k)
        scores = self._log_probs_of.of(logits, tokens)
        required = self._apply_rules(logits, tokens, scores) if self._num_ruled else {}
        best = ranked(log_probs, tokens, scores)
        for place, candidates in required.items():
            arranged(best, place, candidates)
        return best

    def _apply_rules(
        self, logits: Floats, tokens: Ints, scores: Floats
    ) -> dict[int, list[Candidate]]:
        """By place: the candidates where something is required."""
        required = {}
        for place in np.flatnonzero(self._state["ruled"]).tolist():
            length = self._state["length"][place]
            there = Place(
                self._sentences[place],
                place * self._k,
                self._state["log_probs"][place],
                self._history[place, :, : length - 1],
            )
            if candidates := self._ruled.apply(there, logits, tokens, scores):
                required[place] = candidates
        return required

    def _finish_beams(self, live: Extensions) -> Finished:
        state = self._state
        cut = state["length"] >= state["max_length"]
        cut |= live.log_probs[:, 0] == -np.inf  # nobody lives
        finished = {}
        for place in np.flatnonzero(cut | (state["num_ended"] >= self._k)).tolist():
            if not self._is_decided(place, float(live.log_probs[place, 0])):
                if not cut[place]:
                    continue
                for rank in np.flatnonzero(live.log_probs[place] != -np.inf).tolist():
                    self._end(live, place, rank, FinishReason.LENGTH)
            finished[place] = self._sentences[place].finish()
        return finished

    def _is_decided(self, place: int, best_live: float) -> bool:
        """Whether enough have ended, the wanted ones no worse than all that live."""
        state, options = self._state[place], self._sentences[place].options
        if state["num_ended"] < self._k:
            return False
        ahead = best_live / int(state["length"]) ** options.length_penalty
        return bool(state["scores"][options.num_hypotheses - 1] >= ahead)

    def _end(
        self, extensions: Extensions, place: int, rank: int, reason: FinishReason
    ) -> float:
        """Notes one as ended, and its score; the rows are still as they were before
        the step."""
        length = int(self._state["length"][place])
        parent = extensions.parents[place, rank]
        tokens = self._history[place, parent, : length - 1].tolist()
        if reason is FinishReason.LENGTH:
            tokens.append(int(extensions.tokens[place, rank]))
        log_prob = float(extensions.log_probs[place, rank])
        each = self._token_log_probs(place, int(parent), length - 1, log_prob)
        return self._sentences[place].end(tokens, log_prob, length, reason, each)

    def _token_log_probs(
        self, place: int, row: int, length: int, log_prob: float
    ) -> tuple[float, ...]:
        """Of the first `length` tokens and of one more, with which it is `log_prob`."""
        if self._trace is None or not self._state["traced"][place]:
            return ()
        totals = [0.0, *self._trace[place, row, :length].tolist(), log_prob]
        return tuple(np.diff(totals).tolist())

    def _settle(self, live: Extensions, finished: Finished) -> Turn:
        """Every hypothesis onto a row, together with its past."""
        alive = live.log_probs != -np.inf
        alive[list(finished)] = False
        firsts = self._rows[:: self._k, None]
        order, parents = placed((live.parents + firsts).ravel(), alive.ravel())
        tokens = live.tokens.ravel()[order]
        self._state["log_probs"] = live.log_probs.ravel()[order].reshape(-1, self._k)
        moved = np.flatnonzero(parents != self._rows)
        if len(moved):
            past = self._history.reshape(self.num_rows, -1)
            past = past[:, : self._state["length"].max() - 1]
            past[moved] = past[parents[moved]]
            if self._trace is not None:
                trace = self._trace.reshape(self.num_rows, -1)
                trace[moved] = trace[parents[moved]]
        self._write(tokens)
        return Turn(tokens, parents, finished)

    def _write(self, tokens: Ints) -> None:
        """The newest token of each row into its history."""
        newest = self._state["length"] - 1
        if self._k > 1:
            newest = newest.repeat(self._k)
        at = self._rows * self._history.shape[2] + newest
        self._history.reshape(-1)[at] = tokens
        if self._trace is not None:
            self._trace.reshape(-1)[at] = self._state["log_probs"].ravel()

    def _make_room(self, length: int) -> None:
        room = self._history.shape[2]
        if length > room:
            more = ((0, 0), (0, 0), (0, max(room, length - room)))
            self._history = np.pad(self._history, more)
            if self._trace is not None:
                self._trace = np.pad(self._trace, more)


def _begun(options: SearchOptions, beam_size: int) -> tuple[bytes, bool]:
    """What is kept of a sentence that begins, a row of beam_dtype; and whether there is
    anything in it that is counted."""
    scored = options.with_scores or options.with_tokens or beam_size > 1
    # All rows say the same at first, so only one of them counts.
    log_probs = (0.0, *[-np.inf] * (beam_size - 1)) if scored else (np.nan,)
    counted = (len(options.begin), scored, options.ruled, options.with_tokens)
    row = (
        *(0, options.min_target_tokens, options.max_target_tokens),
        *(0, options.num_hypotheses, 0, options.length_penalty),
        *(log_probs, (-np.inf,) * beam_size),
        *counted,
    )
    new = np.array([row], beam_dtype(beam_size))
    return new.tobytes(), any(counted) or options.min_target_tokens > 0


# To make a row takes numpy as long as all else, and most are the same again. Those with
# rules may hold on to a lot.
_known = lru_cache(256)(_begun)


def _common(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    """What both begin with."""
    for at, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return one[:at]
    return one[: len(other)]
