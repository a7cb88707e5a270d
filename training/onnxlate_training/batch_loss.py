"""What a model is trained by: the loss of a batch, from its ids on."""

from torch import Tensor, nn

from .batches import Batch
from .loss import consistent_loss, smoothed_loss
from .model import Transformer
from .recipe import TrainConfig


class BatchLoss(nn.Module):
    """A batch's loss."""

    def __init__(self, model: Transformer, config: TrainConfig) -> None:
        super().__init__()
        self.model = model
        self.smoothing = config.label_smoothing
        self.consistency = config.consistency
        self.consistency_after = config.consistency_after

    def forward(self, batch: Batch, update: int) -> Tensor:
        """Sum over the batch's real target tokens, in nats."""
        consistent = self.consistency and update > self.consistency_after
        twice = batch.twice() if consistent else batch
        vectors = self.model(twice.source_ids, twice.source_visible, twice.target_ids)
        # Padding is dropped before the vocabulary, the dearest layer, sees it.
        vectors = vectors[twice.target_visible]
        targets = batch.next_ids[batch.target_visible]
        weight = self.model.generator.weight
        if consistent:
            return consistent_loss(
                vectors, weight, targets, self.smoothing, self.consistency
            )
        return smoothed_loss(vectors, weight, targets, self.smoothing)
