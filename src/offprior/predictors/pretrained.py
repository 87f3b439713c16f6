"""A pretrained network as a predictor like any other."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import Float

from offprior.errors import OffpriorError
from offprior.mixture import Mixture
from offprior.models.model import Model, Network
from offprior.models.transformer import Transformer
from offprior.networks.heads import Moments
from offprior.networks.weights import read_arrays
from offprior.predictors.predictor import BatchPrediction, Predictor

TOKENS_A_PASS = 1 << 15
"""Tokens of one forward pass: larger batches of prompts are cut, so that attention's memory stays bounded."""
