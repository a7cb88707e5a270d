"""Sentences that are searched with one beam size, side by side on the decoder.

A step of theirs is a run of the decoder, a choice, and the moves that follow from it.
What it costs beside the model depends on who ends or is listened to, not on how many
there are.
"""

from collections.abc import Collection, Sequence

from onnxlate.search import Finished, Searches

from .bell import Bell
from .decoder import MOST_AHEAD, Decoder
from .decoder_state import DecoderState
from .encoder import Encoder
from .native.library import NO_NUMBER
from .piece import Piece
from .request import Request


class Group:
    """Requests by place; a place is `beam_size` rows."""

    def __init__(
        self, searches: Searches, state: DecoderState, decoder: Decoder
    ) -> None:
        self._searches = searches
        self._state = state
        self._decoder = decoder
        self._requests: list[Request] = []  # by place
        self._num_said: dict[Request, int] = {}  # of those who are listened to

    def __len__(self) -> int:
        return len(self._requests)

    @property
    def num_rows(self) -> int:
        return self._state.num_rows

    def join(
        self, requests: Sequence[Request], encoder: Encoder, begin_id: int
    ) -> None:
        """Newcomers, whose sources are read by one run of the encoder."""
        lengths = [len(each.source_ids) for each in requests]
        if encoder.reads_in_place:
            encoder.read(requests, *self._state.welcome(lengths, begin_id))
        else:
            self._state.join(encoder.encode(requests), lengths, begin_id)
        self._searches.add([each.options for each in requests])
        self._requests += requests
        self._num_said.update((each, 0) for each in requests if each.streamed)

    def drop_all_but(self, staying: Collection[Request]) -> None:
        """Frees the rows of those who were cancelled."""
        ours = enumerate(self._requests)
        self._remove([place for place, each in ours if each not in staying])

    def step(self, bell: Bell | None = None) -> list[Piece]:
        """One token for everyone; pieces where there is news.

        With a `bell` that will ring if somebody comes or goes, several tokens, where
        nobody could tell until then.
        """
        if not self._requests:
            return []
        self._state.advance()
        finished = self._ahead(bell)
        if finished is None:
            finished = self._one_step()
        pieces = self._news(finished)
        self._remove(finished)
        return pieces

    def _one_step(self) -> Finished:
        searches, decoder, state = self._searches, self._decoder, self._state
        wanted = searches.wanted()
        best = decoder.best(state, wanted) if wanted else None
        if best:
            turn = searches.advance_by(best)
        else:
            logits = decoder.run(state, exact=searches.needs_scores)
            turn = searches.advance(logits, decoder.highest)
        self._state.branch(turn.parents)
        self._state.target_ids[: self.num_rows] = turn.tokens
        return turn.finished

    def _ahead(self, bell: Bell | None) -> Finished | None:
        """Steps in which the decoder chooses by itself, if there is no more to it."""
        searches = self._searches
        listener = None if self._num_said else bell
        if (left := searches.steps_left) is not None:
            tokens = self._decoder.run_ahead(self._state, left, listener)
            if tokens is None:
                return None
            if listener:
                listener.further_steps += len(tokens) - 1
            return searches.take(tokens)
        most = MOST_AHEAD if listener else 1
        if (beams := searches.beams(most)) is None:
            return None
        done = self._decoder.run_beams(self._state, beams, most, listener)
        if done is None:
            return None
        num_steps, ended = done
        if listener:
            listener.further_steps += num_steps - 1
        return searches.take_beams(ended)

    def _news(self, finished: Finished) -> list[Piece]:
        pieces = []
        if self._num_said:
            for place, request in enumerate(self._requests):
                if request.streamed and place not in finished:
                    prefix = self._searches.stable_prefix(place)
                    if tokens := self._unsaid(request, prefix):
                        pieces.append(Piece(request, tokens))
        for place, hypotheses in finished.items():
            if not hypotheses:
                raise FloatingPointError(NO_NUMBER)
            request = self._requests[place]
            best = hypotheses[0].tokens
            tokens = self._unsaid(request, best) if request.streamed else ()
            pieces.append(Piece(request, tokens, tuple(hypotheses)))
        return pieces

    def _unsaid(self, request: Request, prefix: tuple[int, ...]) -> tuple[int, ...]:
        tokens = prefix[self._num_said[request] :]
        self._num_said[request] += len(tokens)
        return tokens

    def _remove(self, places: Collection[int]) -> None:
        if not places:
            return
        for place in places:
            self._num_said.pop(self._requests[place], None)
        moves = self._searches.remove(places)
        for source, place in moves:
            self._requests[place] = self._requests[source]
        del self._requests[len(self._requests) - len(places) :]
        self._state.move(moves, len(self._requests))
