"""Functions of numbers as lists of elementary operations, for a page without Python.

JAX traces a family's features to operations on small arrays. Operations that only move numbers (slices, stacks,
broadcasts) are carried out here, on the numbers of registers; operations that compute become one elementary operation
per number. The page therefore evaluates the features of every family without code for any of them, and with the same
arithmetic as the engine.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core
from jaxtyping import Int

from offprior.compute.precision import double
from offprior.errors import OffpriorError

LONGEST = 20_000
"""The most operations of a program."""
SAME = {
    "add": "add", "add_any": "add", "sub": "sub", "mul": "mul", "div": "div", "max": "max", "min": "min", "pow": "pow",
    "atan2": "atan2", "neg": "neg", "exp": "exp", "log": "log", "log1p": "log1p", "expm1": "expm1", "sqrt": "sqrt",
    "abs": "abs", "sign": "sign", "floor": "floor", "ceil": "ceil", "sin": "sin", "cos": "cos", "tan": "tan",
    "tanh": "tanh", "lt": "lt", "le": "le", "gt": "gt", "ge": "ge", "eq": "eq", "ne": "ne", "and": "min", "or": "max",
}  # fmt: skip
"""JAX's operations on one or two numbers, and their names in the page; booleans are 0 and 1."""
MOVES = {
    "reshape", "broadcast_in_dim", "squeeze", "expand_dims", "concatenate", "stack", "slice", "transpose", "rev",
    "stop_gradient", "split", "unstack", "copy", "copy_p",
}  # fmt: skip
"""Operations that compute nothing."""


class Unsupported(OffpriorError):
    """The function needs an operation that the page does not support."""


class Program(NamedTuple):
    """Operations in order: the k-th writes register `inputs + len(constants) + k`."""

    inputs: int
    """The number of registers of the arguments, which come first; constants follow."""
    constants: list[float]
    operations: list[list[Any]]
    """For each operation, its name and the registers that it reads."""
    outputs: list[int]
    """Registers of the results."""


def program_of(function: Callable[..., Any], *arguments: Any) -> Program:
    """Returns the program of `function` for arguments of these shapes, in double precision.

    Arrays and pytrees are flattened.

    Raises:
        Unsupported: the function needs an operation that the page does not support.
    """
    with double():
        traced = jax.make_jaxpr(function)(*arguments)
        writer = _Writer()
        first: list[Any] = []
        for variable in traced.jaxpr.invars:
            size = math.prod(variable.aval.shape)
            first.append(np.arange(writer.inputs, writer.inputs + size).reshape(variable.aval.shape))
            writer.inputs += size
        outputs = writer.carry_out(traced.jaxpr, traced.consts, first)
        return writer.finished(outputs)


class _Known(NamedTuple):
    """An array of known numbers instead of registers."""

    value: np.ndarray


class _Writer:
    """Registers and operations of a function being read; constants have negative registers until it is finished."""

    def __init__(self):
        self.inputs = 0
        self.constants: dict[float, int] = {}
        self.operations: list[list[Any]] = []

    def finished(self, outputs: list[Any]) -> Program:
        """Numbers arguments, then constants, then results consecutively, and returns the program."""
        registers = [register for output in outputs for register in self.registers(output).ravel().tolist()]
        shift = len(self.constants)

        def final(register: int) -> int:
            if register < 0:
                return self.inputs - 1 - register
            return register if register < self.inputs else register + shift

        operations = [[name, *map(final, read)] for name, *read in self.operations]
        return Program(self.inputs, list(self.constants), operations, [final(register) for register in registers])

    def registers(self, array: Any) -> Int[np.ndarray, "..."]:
        """Returns the registers of an array; known numbers become constants."""
        if not isinstance(array, _Known):
            return np.asarray(array)
        numbers = np.asarray(array.value, np.float64)
        found = [self.constants.setdefault(number, -1 - len(self.constants)) for number in numbers.ravel().tolist()]
        return np.asarray(found, np.int64).reshape(numbers.shape)

    def write(self, name: str, *read: Any) -> Int[np.ndarray, "..."]:
        """Writes an operation on arrays, number by number, and returns its registers."""
        arrays = np.broadcast_arrays(*(self.registers(array) for array in read))
        written = []
        for each in zip(*(array.ravel().tolist() for array in arrays), strict=True):
            written.append(self.inputs + len(self.operations))
            self.operations.append([name, *each])
        if len(self.operations) > LONGEST:
            raise Unsupported(f"its features take more than {LONGEST} operations")
        return np.asarray(written, np.int64).reshape(arrays[0].shape)

    def carry_out(self, jaxpr: Any, constants: Any, arguments: list[Any]) -> list[Any]:
        """Returns the results of a traced function for these arguments."""
        known: dict[Any, Any] = dict(zip(jaxpr.invars, arguments, strict=True))
        known |= {
            variable: _Known(np.asarray(value)) for variable, value in zip(jaxpr.constvars, constants, strict=True)
        }

        def read(atom: Any) -> Any:
            return _Known(np.asarray(atom.val)) if isinstance(atom, core.Literal) else known[atom]

        for step in jaxpr.eqns:
            found = self._step(step, [read(atom) for atom in step.invars])
            known |= dict(zip(step.outvars, found, strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def _step(self, step: Any, read: list[Any]) -> list[Any]:
        name, inner = step.primitive.name, step.params.get("jaxpr", step.params.get("call_jaxpr"))
        if inner is not None and name not in ("while", "scan", "cond"):
            body, constants = (inner.jaxpr, inner.consts) if hasattr(inner, "consts") else (inner, [])
            return self.carry_out(body, constants, read)
        if all(isinstance(array, _Known) for array in read):
            found = step.primitive.bind(*(jnp.asarray(array.value) for array in read), **step.params)
            found = found if step.primitive.multiple_results else [found]
            return [_Known(np.asarray(array)) for array in found]
        if name in MOVES:
            found = step.primitive.bind(*(jnp.asarray(self.registers(array)) for array in read), **step.params)
            return list(map(np.asarray, found)) if step.primitive.multiple_results else [np.asarray(found)]
        return self._unrolled(step.params, read) if name == "scan" else [self._computed(name, step, read)]

    def _unrolled(self, params: Any, read: list[Any]) -> list[Any]:
        """Unrolls a loop with a fixed number of steps, as in the evaluation of polynomials."""
        constants, carried = params["num_consts"], params["num_consts"] + params["num_carry"]
        state, along = read[constants:carried], read[carried:]
        body, steps, made = params["jaxpr"], range(params["length"]), []
        for place in reversed(steps) if params["reverse"] else steps:
            parts = [_Known(each.value[place]) if isinstance(each, _Known) else each[place] for each in along]
            found = self.carry_out(body.jaxpr, body.consts, [*read[:constants], *state, *parts])
            state = found[: params["num_carry"]]
            made.append([self.registers(each) for each in found[params["num_carry"] :]])
        made = made[::-1] if params["reverse"] else made
        return [*state, *(np.stack(each) for each in zip(*made, strict=True))]

    def _computed(self, name: str, step: Any, read: list[Any]) -> Any:
        if name in SAME:
            return self.write(SAME[name], *read)
        special = getattr(self, f"_{name}", None)
        if special is None:
            raise Unsupported(f"its features need {name}, which a page without a server does not support")
        return special(step.params, *read)

    def _not(self, params: Any, array: Any) -> Any:
        return self.write("sub", _Known(np.ones(())), array)

    def _square(self, params: Any, array: Any) -> Any:
        return self.write("mul", array, array)

    def _rsqrt(self, params: Any, array: Any) -> Any:
        return self.write("div", _Known(np.ones(())), self.write("sqrt", array))

    def _logistic(self, params: Any, array: Any) -> Any:
        one = _Known(np.ones(()))
        return self.write("div", one, self.write("add", one, self.write("exp", self.write("neg", array))))

    def _integer_pow(self, params: Any, array: Any) -> Any:
        return self.write("pow", array, _Known(np.asarray(float(params["y"]))))

    def _round(self, params: Any, array: Any) -> Any:
        if params["rounding_method"] != jax.lax.RoundingMethod.TO_NEAREST_EVEN:
            raise Unsupported("its features round halves away from 0, which a page without a server cannot do")
        return self.write("round", array)

    def _clamp(self, params: Any, low: Any, array: Any, high: Any) -> Any:
        return self.write("min", self.write("max", array, low), high)

    def _select_n(self, params: Any, which: Any, *cases: Any) -> Any:
        if len(cases) != 2:
            raise Unsupported(f"its features choose between {len(cases)} cases; a page supports two")
        return self.write("select", which, cases[1], cases[0])

    def _convert_element_type(self, params: Any, array: Any) -> Any:
        whole = np.issubdtype(params["new_dtype"], np.integer)
        return self.write("trunc", array) if whole else array

    def _gather(self, params: Any, array: Any, places: Any) -> Any:
        if not isinstance(places, _Known):
            raise Unsupported("its features look up a number at a computed index")
        found = np.asarray(jax.lax.gather_p.bind(jnp.asarray(array), jnp.asarray(places.value), **params))
        return found

    def _dynamic_slice(self, params: Any, array: Any, *starts: Any) -> Any:
        size = params["slice_sizes"]
        registers = self.registers(array)
        if registers.ndim != 1 or size != (1,):
            raise Unsupported("its features look up several numbers at a computed index")
        found = registers[:1]
        for place in range(1, len(registers)):
            is_there = self.write("ge", starts[0], _Known(np.asarray(float(place))))
            found = self.write("select", is_there, registers[place : place + 1], found)
        return found

    def _reduce_sum(self, params: Any, array: Any) -> Any:
        axes = params["axes"]
        registers = np.moveaxis(self.registers(array), axes, range(len(axes)))
        parts = registers.reshape(-1, *registers.shape[len(axes) :])
        return self._folded("add", list(parts))

    def _cumprod(self, params: Any, array: Any) -> Any:
        return self._accumulated("mul", params, array)

    def _cumsum(self, params: Any, array: Any) -> Any:
        return self._accumulated("add", params, array)

    def _accumulated(self, name: str, params: Any, array: Any) -> Any:
        parts = list(np.moveaxis(self.registers(array), params["axis"], 0))
        parts = parts[::-1] if params["reverse"] else parts
        sofar = [parts[0]]
        for part in parts[1:]:
            sofar.append(self.write(name, sofar[-1], part))
        return np.moveaxis(np.stack(sofar[::-1] if params["reverse"] else sofar), 0, params["axis"])

    def _dot_general(self, params: Any, left: Any, right: Any) -> Any:
        (of_left, of_right), (batch_left, batch_right) = params["dimension_numbers"]
        if batch_left or batch_right:
            raise Unsupported("its features need a batch of matrix products")
        left, right = self.registers(left), self.registers(right)
        left = np.moveaxis(left, of_left, range(len(of_left)))
        right = np.moveaxis(right, of_right, range(len(of_right)))
        summed = math.prod(left.shape[: len(of_left)])
        shape = left.shape[len(of_left) :] + right.shape[len(of_right) :]
        left, right = left.reshape(summed, -1), right.reshape(summed, -1)
        parts = [self.write("mul", a[:, None], b[None, :]) for a, b in zip(left, right, strict=True)]
        return self._folded("add", parts).reshape(shape)

    def _folded(self, name: str, parts: list[Any]) -> Any:
        whole = parts[0]
        for part in parts[1:]:
            whole = self.write(name, whole, part)
        return whole
