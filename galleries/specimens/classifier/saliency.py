"""How much each word adds to a label, by the gradient of its logit: to set beside attention."""

import torch
from torch import Tensor
from transformers import PreTrainedModel

INTEGRATION_STEPS = 256


def integrated_gradients(
    model: PreTrainedModel, ids: Tensor, baseline: Tensor
) -> tuple[Tensor, float]:
    """Says how much each token adds to the logit of the label that the model gives.

    The integral runs along a straight line of word embeddings; positions are added to all of its
    points alike.

    Source: Sundararajan et al. 2017, "Axiomatic Attribution for Deep Networks", arXiv:1703.01365,
    section 3, equation 1, here by the midpoint rule; completeness is its proposition 1.

    Args:
        model: the classifier.
        ids: the tokens of one text, int64 `[1, position]`.
        baseline: word embeddings where the line begins, float32 `[1, position, dimension]`.

    Returns:
        Attributions in logits, float32 `[position]`, and by how many logits their sum misses the
        difference between both ends of the line.
    """
    embedded = model.get_input_embeddings()(ids).detach()
    label = predicted(model, embedded)
    steps = (torch.arange(INTEGRATION_STEPS) + 0.5) / INTEGRATION_STEPS
    line = baseline + steps[:, None, None] * (embedded - baseline)
    gradient = logit_gradient(model, line, label).mean(dim=0)
    values = ((embedded - baseline)[0] * gradient).sum(dim=-1)
    with torch.no_grad():
        first, last = model(inputs_embeds=torch.cat([baseline, embedded])).logits[:, label]
    return values, abs(values.sum() - (last - first)).item()


def gradient_times_input(model: PreTrainedModel, ids: Tensor) -> Tensor:
    """Multiplies word embeddings with the gradient of the label's logit, float32 `[position]`."""
    embedded = model.get_input_embeddings()(ids).detach()
    gradient = logit_gradient(model, embedded, predicted(model, embedded))
    return (embedded * gradient)[0].sum(dim=-1)


def predicted(model: PreTrainedModel, embedded: Tensor) -> int:
    """Says which label the model gives one text, as its id."""
    with torch.no_grad():
        return int(model(inputs_embeds=embedded).logits.argmax())


def logit_gradient(model: PreTrainedModel, embedded: Tensor, label: int) -> Tensor:
    """Differentiates a label's logit by word embeddings `[sample, position, dimension]`."""
    embedded = embedded.detach().requires_grad_()
    logits = model(inputs_embeds=embedded).logits[:, label]
    return torch.autograd.grad(logits.sum(), embedded)[0]
