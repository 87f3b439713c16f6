"""Exact posteriors of weighted Gaussian linear models: evidence and predictions at every context length, in one pass.

A group is a prior over functions as `Components`: quadrature nodes times rows of scales. For each prompt the Gram
matrices of all nodes' columns are summed over the context, cumulatively over the wanted lengths; the conjugate update
of `conjugate.py` gives evidence and moments; a log-sum-exp over nodes and rows gives the group's posterior.

The quadrature adapts, prompt by prompt. It begins with the boxes of `Components.nodes`, Gauss-Legendre nodes on each
axis, one axis per integrated law, and cuts those whose Legendre series has not decayed, until the estimated error of
the evidence is small a box at every context length: 10⁻⁸ on one axis, 10⁻⁶ on two, 10⁻⁴ on three, 10⁻³ on more. Where
the noise is so small that the first grid may not see a mode, it begins at a higher noise and follows the modes down
(`refinement.py`). `Posterior.quadrature_error` says what was reached. Subsets of columns that are too many to enumerate
are sampled (`subsets.py`), which `Components.approximation` says.
"""

from offprior.posterior.batches import Posterior, posterior
from offprior.posterior.nearest import best_fit, fit_each

__all__ = ["Posterior", "best_fit", "fit_each", "posterior"]
