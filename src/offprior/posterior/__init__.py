"""Exact posteriors of weighted Gaussian linear models: evidence and predictions at every context length, in one pass.

A group is a prior over functions as `Components`: quadrature nodes times rows of scales. For each prompt the Gram
matrices of all nodes' columns are summed over the context, cumulatively over the wanted lengths; the conjugate update
of `conjugate.py` gives evidence and moments; a log-sum-exp over nodes and rows gives the group's posterior.

The quadrature adapts, one posterior at a time. It begins with the panels of `Components.nodes`, eight Gauss-Legendre
nodes each. Where a panel is wide for the posterior, those that hold most of it are cut in four, and again, until their
`coarseness` (a panel's width times the posterior's highest density) is at most 1.6. For a bell curve that is a width of
four standard deviations, at which eight nodes leave a relative error of 10⁻⁷ in the evidence, and of 3·10⁻⁷ standard
deviations in the mean. What cannot be refined (products of several quadratures) is reported by `Posterior.coarseness`;
`Bayes.quadrature_gap` checks any of it against twice the nodes.
"""

from offprior.posterior.batches import Posterior, posterior
from offprior.posterior.nearest import best_fit

__all__ = ["Posterior", "best_fit", "posterior"]
