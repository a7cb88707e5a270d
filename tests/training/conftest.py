"""Small models are quickest on one thread, and leave the others to other tests."""

import torch

torch.set_num_threads(1)
