"""How a metric was made, read off its constructor's signature; metrics by name; metrics as JSON."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import Any, TypeVar

import numpy as np

from labelmetrics.errors import SettingError
from labelmetrics.words import near

__all__ = ["deserialize", "get", "register_serializable", "serialize"]

Registered = TypeVar("Registered", bound=Callable[..., Any])

_REGISTERED: dict[str, Any] = {}
SHORT_NAMES = {
    "bce": "BinaryCrossentropy",
    "mse": "MeanSquaredError",
    "mae": "MeanAbsoluteError",
    "mape": "MeanAbsolutePercentageError",
    "msle": "MeanSquaredLogarithmicError",
    "rmse": "RootMeanSquaredError",
    "cosine_proximity": "CosineSimilarity",
    "kld": "KLDivergence",
    "logcosh": "LogCoshError",
    "top_k_accuracy": "TopKCategoricalAccuracy",
    "io_u": "IoU",
    "binary_io_u": "BinaryIoU",
    "mean_io_u": "MeanIoU",
    "one_hot_io_u": "OneHotIoU",
    "one_hot_mean_io_u": "OneHotMeanIoU",
}


def snake_case(name: str) -> str:
    """The default name of a class.

    >>> snake_case("TruePositives"), snake_case("AUC"), snake_case("OneHotMeanIoU"), snake_case("F1Score")
    ('true_positives', 'auc', 'one_hot_mean_iou', 'f1_score')
    """
    name = name.replace("IoU", "Iou")
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


# ------------------------------------------------------------------------------------------------------ configuration


@cache
def _signature(cls: type) -> inspect.Signature:
    return inspect.signature(cls.__init__)  # type: ignore[misc]


def signature(cls: type) -> inspect.Signature:
    """Signature of a class, by its constructor."""
    own = _signature(cls)
    return own.replace(parameters=list(own.parameters.values())[1:])


def bound(cls: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Arguments of a constructor by name, with the defaults; what does not fit is left to the constructor itself."""
    try:
        found = _signature(cls).bind_partial(None, *args, **kwargs)
    except TypeError:
        return {}
    found.apply_defaults()
    named = {}
    for name, parameter in list(found.signature.parameters.items())[1:]:
        if parameter.kind is parameter.VAR_KEYWORD:
            named.update(found.arguments[name])
        elif parameter.kind is not parameter.VAR_POSITIONAL and name in found.arguments:
            named[name] = found.arguments[name]
    return named


def accepts(cls: type, name: str) -> bool:
    """Whether the constructor has a parameter of this name, or takes any."""
    parameters = _signature(cls).parameters
    return name in parameters or any(one.kind is one.VAR_KEYWORD for one in parameters.values())


def as_json(value: Any) -> Any:
    """A parameter as JSON has it: arrays as lists, functions and metrics by name."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return {str(key): as_json(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(one) for one in value]
    if hasattr(value, "get_config"):
        return serialize(value)
    if callable(value):
        return {"function": _name_of(value)}
    if hasattr(value, "tolist"):
        return value.tolist()
    raise SettingError(f"{value!r} cannot be written as JSON")


def from_json(value: Any) -> Any:
    """The inverse of :func:`as_json`."""
    if isinstance(value, dict):
        if value.keys() == {"function"}:
            return _found(value["function"])
        if value.keys() == {"class_name", "config"}:
            return deserialize(value)
        return {key: from_json(one) for key, one in value.items()}
    return [from_json(one) for one in value] if isinstance(value, list) else value


# ------------------------------------------------------------------------------------------------------------- names


def register_serializable(package: str | Registered = "Custom", name: str | None = None) -> Any:
    """Decorator that makes a metric class, or a function that metrics are made of, known by name.

    Parameters
    ----------
    package : str
        First part of the name under which configurations have it.
    name : str, optional
        The other part; the name of the class or function unless given.

    Returns
    -------
    callable
        The decorator. Without parentheses, it decorates itself.

    Raises
    ------
    SettingError
        Something else has the name.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> @streaming.register_serializable()
    ... class Last(streaming.Metric):
    ...     pass
    >>> streaming.get("Last")
    <Last name=last>
    >>> streaming.serialize(Last())["class_name"]
    'Custom>Last'
    """
    if not isinstance(package, str):
        return register_serializable()(package)

    def register(thing: Registered) -> Registered:
        full = f"{package}>{name or thing.__name__}"
        known = _REGISTERED.get(full)
        if known is not None and (known.__module__, known.__qualname__) != (thing.__module__, thing.__qualname__):
            raise SettingError(f"{full} is registered already, as {known.__module__}.{known.__qualname__}")
        _REGISTERED[full] = thing
        return thing

    return register


def _name_of(thing: Any) -> str:
    for name, known in _REGISTERED.items():
        if known is thing:
            return name
    path = f"{thing.__module__}:{thing.__qualname__}" if hasattr(thing, "__qualname__") else repr(thing)
    if "<" in path:
        raise SettingError(f"{path} has no name that it could be found by again; register_serializable gives it one")
    return path


def _own() -> tuple[str, ...]:
    """Names of this package's metric classes and functions."""
    from labelmetrics import streaming

    return tuple(streaming.__all__)


def _found(name: str) -> Any:
    """The class or function of a name; of a registered one, a built-in one, or the place of one in a module."""
    from labelmetrics import streaming
    from labelmetrics.streaming import functional

    plain = name.lower()
    if name in _REGISTERED:
        return _REGISTERED[name]
    for full, thing in _REGISTERED.items():
        if plain in (full.partition(">")[2].lower(), snake_case(full.partition(">")[2])):
            return thing
    names = {snake_case(one): one for one in streaming.__all__ if one[0].isupper()}
    own = next((one for one in (name, SHORT_NAMES.get(plain, ""), names.get(plain, "")) if one in names.values()), None)
    if own is not None:
        return getattr(streaming, own)
    if name in functional.__all__:
        return getattr(functional, name)
    module, _, path = name.partition(":")
    if path:
        try:
            thing = import_module(module)
            for part in path.split("."):
                thing = getattr(thing, part)
        except (ImportError, AttributeError) as error:
            raise SettingError(f"{name} cannot be found: {error}") from None
        return thing
    known = [*names, *SHORT_NAMES, *(full.partition(">")[2] for full in _REGISTERED)]
    raise SettingError(f"there is no metric {name!r}{near(plain, known)}")


def get(identifier: Any) -> Any:
    """A metric by its name, from its configuration, or as it is.

    Parameters
    ----------
    identifier : str, dict, type, callable or Metric
        A name in either spelling (``"AUC"``, ``"auc"``, ``"mean_squared_error"``, ``"mse"``), what :func:`serialize`
        gave, a metric class, a metric, or a function of ``y_true`` and ``y_pred`` whose mean is wanted.

    Returns
    -------
    Metric

    Raises
    ------
    SettingError
        There is no such metric; the message names those that are called nearly so.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> streaming.get("mean_tensor")
    <MeanTensor name=mean_tensor>
    """
    from labelmetrics.streaming.means import MeanMetricWrapper
    from labelmetrics.streaming.metric import Metric

    if isinstance(identifier, Mapping):
        identifier = from_json(dict(identifier))
        if isinstance(identifier, Mapping):
            return deserialize(identifier)
    found = _found(identifier) if isinstance(identifier, str) else identifier
    if isinstance(found, type) and issubclass(found, Metric):
        try:
            return found()
        except TypeError as error:
            raise SettingError(f"{found.__name__} needs more than its name: {error}") from None
    if isinstance(found, Metric):
        return found
    if callable(found) and not isinstance(found, type) and not hasattr(found, "merge_state"):
        return MeanMetricWrapper(found)
    raise SettingError(f"{identifier!r} is no metric")


def serialize(metric: Any) -> dict[str, Any]:
    """The class and configuration of a metric, as JSON has it; its state is in ``state_dict``.

    Parameters
    ----------
    metric : Metric
        The metric.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> streaming.serialize(streaming.Sum())
    {'class_name': 'Sum', 'config': {'name': 'sum', 'dtype': 'float64'}}
    """
    cls = type(metric)
    own = cls.__module__.startswith("labelmetrics.streaming.") and cls.__name__ in _own()
    return {"class_name": cls.__name__ if own else _name_of(cls), "config": as_json(metric.get_config())}


def deserialize(config: Mapping[str, Any]) -> Any:
    """The metric that :func:`serialize` was given.

    Parameters
    ----------
    config : mapping
        ``class_name`` and ``config``.

    Raises
    ------
    SettingError
        The class is not known, or the configuration is of another one.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> streaming.deserialize({"class_name": "Sum", "config": {"name": "loss"}})
    <Sum name=loss>
    """
    if "class_name" not in config:
        raise SettingError(f"a configuration has a class_name, got {sorted(config)}")
    cls = _found(config["class_name"])
    try:
        return cls.from_config(dict(config.get("config", {})))
    except TypeError as error:
        raise SettingError(f"this is no configuration of {config['class_name']}: {error}") from None
