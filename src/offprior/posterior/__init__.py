"""Exact posteriors of weighted Gaussian linear models: evidence and predictions at every context length, in one pass.

A group is a prior over functions as `Components`: quadrature nodes times rows of scales. For each prompt the Gram
matrices of all nodes' columns are summed over the context, cumulatively over the requested lengths. The conjugate
update of `conjugate.py` gives evidence and moments; a log-sum-exp over nodes and rows gives the group's posterior.

The quadrature adapts to each prompt. It starts from the boxes of `Components.nodes`, Gauss-Legendre nodes on each axis,
one axis per integrated law, and cuts boxes whose Legendre series has not decayed, until the estimated error of the
evidence per box is small at every context length: 10⁻⁸ on one axis, 10⁻⁶ on two, 10⁻⁴ on three, 10⁻³ on more. If the
noise is so small that the first grid may miss a mode, the quadrature starts at a higher noise and follows the modes
down (`quadrature_refinement.py`). `Posterior.quadrature_error` reports the error reached. If there are too many subsets
of columns to enumerate, they are sampled (`subsets.py`), and `Components.approximation` says so.
"""

from offprior.posterior.batches import Posterior, posterior
from offprior.posterior.nearest import best_fit, fit_each

__all__ = ["Posterior", "best_fit", "fit_each", "posterior"]
