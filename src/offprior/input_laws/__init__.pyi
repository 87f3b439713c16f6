# Written by scripts/write_stubs.py; `make format` writes it again.
from offprior.input_laws.affine import Affine as Affine
from offprior.input_laws.digit_images import DigitImages as DigitImages
from offprior.input_laws.evened import Evened as Evened
from offprior.input_laws.evenly import Evenly as Evenly
from offprior.input_laws.first_coordinates import FirstCoordinates as FirstCoordinates
from offprior.input_laws.grid_then_horizon import GridThenHorizon as GridThenHorizon
from offprior.input_laws.mixed import Mixed as Mixed
from offprior.input_laws.one_sided import OneSided as OneSided
from offprior.input_laws.opposite_orthants import OppositeOrthants as OppositeOrthants
from offprior.input_laws.ordered import Ordered as Ordered
from offprior.input_laws.orthogonal_queries import OrthogonalQueries as OrthogonalQueries
from offprior.input_laws.skewed import Skewed as Skewed
from offprior.input_laws.sub_interval import SubInterval as SubInterval
from offprior.input_laws.subspace import Subspace as Subspace
