# Written by scripts/write_stubs.py; `make format` writes it again.
from offprior.laws.fixed import Fixed as Fixed
from offprior.laws.log_uniform import LogUniform as LogUniform
from offprior.laws.normal import Normal as Normal
from offprior.laws.rayleigh import Rayleigh as Rayleigh
from offprior.laws.uniform import Uniform as Uniform
