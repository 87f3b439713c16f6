"""The JSON Schema of recipes, for editors: read from the parts' own declarations."""

import types
import typing
from typing import Any, Literal

from offprior import catalog
from offprior.parameter import ParameterInfo, fields_of
from offprior.recipe.parts import LAW_FOLDERS, is_array, plain, why_no_recipe
from offprior.recipe.recipe import SECTIONS, Recipe, settings_class


def json_schema() -> dict[str, Any]:
    """Returns the JSON Schema (2020-12) of a recipe; each part folder, and the laws, are separate definitions."""
    definitions = {folder: _folder(folder) for folder in ("families", "models", "probes", "predictors")}
    pair = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
    named = [_settings(catalog.find(folder, name), name) for folder in LAW_FOLDERS for name in catalog.names(folder)]
    definitions["law"] = {"anyOf": [{"type": "number"}, pair, *named]}
    sections: dict[str, Any] = {name: _settings(settings_class(name)) for name in SECTIONS}
    sections["model"] = {"$ref": "#/$defs/models"}
    for section in ("probes", "predictors"):
        sections[section] = {"type": "array", "items": {"$ref": f"#/$defs/{section}"}}
    schema = Recipe.model_json_schema()
    properties = schema["properties"]
    definitions |= schema.get("$defs", {})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "offprior recipe",
        "type": "object",
        "properties": {**properties, **sections},
        "required": ["title", "mixture", "model"],
        "additionalProperties": False,
        "$defs": definitions,
    }


def _folder(folder: str) -> dict[str, Any]:
    parts = {name: catalog.find(folder, name) for name in catalog.names(folder)}
    parts = {name: part for name, part in parts.items() if not why_no_recipe(part)}
    address = [{"type": "string", "pattern": "^[a-z]+:.+"}] * (folder == "predictors")
    return {"anyOf": [{"enum": list(parts)}, *address, *(_settings(part, name) for name, part in parts.items())]}


def _settings(part: type, name: str | None = None) -> dict[str, Any]:
    properties: dict[str, Any] = {"name": {"const": name}} if name else {}
    presets = getattr(part, "presets", {})
    if presets:
        properties["preset"] = {"enum": list(presets)}
    for info in fields_of(part):
        properties[info.name] = {**_kind(info.annotation), **_numbers(info), "description": info.doc}
        if info.default is None or isinstance(info.default, bool | int | float | str):
            properties[info.name]["default"] = plain(info.default)
    return {
        "type": "object",
        "description": (part.__doc__ or "").partition("\n")[0],
        "properties": properties,
        "required": ["name"] if name else [],
        "additionalProperties": False,
    }


def _kind(kind: Any) -> dict[str, Any]:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        kinds = [one for one in inner if not (float in inner and is_array(one))]
        return _kind(kinds[0]) if len(kinds) == 1 else {"anyOf": [_kind(one) for one in kinds]}
    if origin is Literal:
        return {"enum": list(inner)}
    if origin in (tuple, list):
        return {"type": "array", "items": _kind(inner[0])}
    if is_array(kind):
        return {"type": "array", "items": {"type": "number"}} if kind.dim_str else {"type": "number"}
    folder = catalog.folder_of(kind) if isinstance(kind, type) else None
    if folder in LAW_FOLDERS:
        return {"$ref": "#/$defs/law"}
    if folder is not None:
        return {"$ref": f"#/$defs/{folder}"}
    names = {bool: "boolean", int: "integer", float: "number", str: "string", types.NoneType: "null"}
    return {"type": names[kind]} if kind in names else {}


def _numbers(info: ParameterInfo) -> dict[str, float]:
    named = {
        "exclusiveMinimum": info.bounds.above,
        "minimum": info.bounds.minimum,
        "maximum": info.bounds.maximum,
        "exclusiveMaximum": info.bounds.below,
    }
    return {key: bound for key, bound in named.items() if bound is not None}
