"""What the machine does meanwhile, by psutil and NVIDIA's management library; what it cannot tell is NaN."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Unpack

import numpy as np

from labelmetrics.errors import LabelmetricsWarning, MissingPackageError, SettingError
from labelmetrics.streaming.means import MeanTensor
from labelmetrics.streaming.metric import SyncOptions
from labelmetrics.streaming.recording.learner_metrics import LearnerMetric, Step

__all__ = ["CpuMemory", "CpuTemperature", "CpuUse", "CudaUse", "GpuTemperature"]

GIB = 2**30
CPU_SENSORS = ("coretemp", "k10temp", "zenpower", "cpu_thermal", "acpitz")
"""Chips that measure the processor's temperature, as Linux calls them; the first one that there is."""

_WARNED: set[str] = set()
"""Sensors that were missing and said so, once in a process."""


def _psutil() -> Any:
    try:
        import psutil
    except ImportError as error:
        raise MissingPackageError("psutil", "system") from error
    return psutil


def _nvml() -> Any:
    """NVIDIA's library; initialising it again costs nothing."""
    try:
        import pynvml
    except ImportError as error:
        raise MissingPackageError("nvidia-ml-py", "system") from error
    pynvml.nvmlInit()
    return pynvml


def _sensed(what: str, sense: Callable[[], Any], missing: Any) -> Any:
    """What a sensor says; ``missing`` and one warning where it fails, since no sensor is worth a training."""
    try:
        return sense()
    except Exception as error:  # whatever drivers and libraries come up with
        if what not in _WARNED:
            _WARNED.add(what)
            told = str(error) or type(error).__name__
            warnings.warn(f"{what} is not known here, and is NaN: {told}", LabelmetricsWarning, stacklevel=6)
        return missing


class _Sampled:
    """A metric whose sensor is read at most once in so many seconds; in front of what it is a mean of."""

    _sampled: float = -math.inf

    def __init__(
        self, name: str | None = None, dtype: Any = None, interval: float = 1.0, **sync: Unpack[SyncOptions]
    ) -> None:
        super().__init__(name, dtype, **sync)  # type: ignore[call-arg, misc]  # of the metric behind this class
        if isinstance(interval, bool) or not isinstance(interval, int | float) or not interval >= 0:
            raise SettingError(f"interval must be seconds, got {interval!r}")
        self.interval = float(interval)

    def _is_due(self) -> bool:
        now = time.monotonic()
        if now - self._sampled < self.interval:
            return False
        self._sampled = now
        return True


class _Sensor(_Sampled, LearnerMetric):
    """A number that the machine tells."""

    def _sense(self) -> float:
        raise NotImplementedError

    def adapt(self, step: Step) -> tuple[Any, ...] | None:
        """A new reading, unless the last one is younger than the interval."""
        del step
        return (_sensed(type(self).__name__, self._sense, math.nan),) if self._is_due() else None


class CpuUse(_Sensor):
    """Processor time in use on the machine, in percent of all processors.

    Formula: mean of the readings.
    Shapes: one number for each reading.
    Source: ``psutil.cpu_percent``; Burn's ``CpuUse``.

    Parameters
    ----------
    name, dtype, **sync
        As in :class:`Metric`.
    interval : float
        Seconds between readings, at least.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> recorder = streaming.Recorder([streaming.CpuUse(interval=0)], show="none")
    >>> 0 <= recorder.update("train")[0].numeric.value <= 100
    True
    """

    unit = "%"

    def __init__(
        self, name: str | None = None, dtype: Any = None, interval: float = 1.0, **sync: Unpack[SyncOptions]
    ) -> None:
        super().__init__(name, dtype, interval, **sync)
        with suppress(MissingPackageError):
            _psutil()  # which counts from when it is loaded

    def _sense(self) -> float:
        return float(_psutil().cpu_percent())


class CpuMemory(_Sensor):
    """Memory in use on the machine, in GiB.

    Formula: mean of the readings.
    Shapes: one number for each reading.
    Source: ``psutil.virtual_memory``; Burn's ``CpuMemory``.

    Parameters
    ----------
    name, dtype, **sync
        As in :class:`Metric`.
    interval : float
        Seconds between readings, at least.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> streaming.Recorder([streaming.CpuMemory()], show="none").update("train")[0].numeric.value > 0
    True
    """

    unit = "GiB"

    def _sense(self) -> float:
        return float(_psutil().virtual_memory().used / GIB)


class CpuTemperature(_Sensor):
    """Temperature of the processor in degrees Celsius: the highest of its sensors; NaN where there is none.

    Formula: mean of the readings.
    Shapes: one number for each reading.
    Source: ``psutil.sensors_temperatures``; Burn's ``CpuTemperature``.

    Parameters
    ----------
    name, dtype, **sync
        As in :class:`Metric`.
    interval : float
        Seconds between readings, at least.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> streaming.CpuTemperature().unit
    '°C'
    """

    unit = "°C"

    def _sense(self) -> float:
        chips = _psutil().sensors_temperatures()  # which macOS and Windows lack
        found = next((chips[name] for name in CPU_SENSORS if chips.get(name)), None)
        if found is None:
            raise LookupError("the system has no sensor of the processor's temperature")
        return float(max(sensor.current for sensor in found))


class _GpuSensor(_Sampled, MeanTensor):
    """Numbers of every GPU."""

    KEYS: tuple[str, ...] = ("",)

    def _sense(self, nvml: Any, gpu: Any) -> list[float]:
        raise NotImplementedError

    def _sense_all(self) -> list[list[float]]:
        nvml = _nvml()
        count = nvml.nvmlDeviceGetCount()
        if not count:
            raise LookupError("the machine has no GPU of NVIDIA")
        return [self._sense(nvml, nvml.nvmlDeviceGetHandleByIndex(index)) for index in range(count)]

    def adapt(self, step: Step) -> tuple[Any, ...] | None:
        """New readings, shape (GPUs, numbers of each), unless the last ones are younger than the interval."""
        del step
        if not self._is_due():
            return None
        missing = [[math.nan] * len(self.KEYS)]
        return (np.array(_sensed(type(self).__name__, self._sense_all, missing)),)

    def result(self) -> Any:
        """The mean of each number, by ``{GPU}`` or ``{GPU}_{number}``; empty before the first reading."""
        found = super().result()
        if not np.ndim(found):
            return {}
        return {
            "_".join(filter(None, (str(gpu), key))): float(value)
            for gpu, row in enumerate(found)
            for key, value in zip(self.KEYS, row, strict=True)
        }


class GpuTemperature(_GpuSensor):
    """Temperature of every GPU of NVIDIA in degrees Celsius; NaN where there is none.

    Formula: mean of the readings of each GPU, under its number.
    Shapes: readings (GPUs, 1).
    Source: ``nvmlDeviceGetTemperature`` of NVIDIA's management library.

    Parameters
    ----------
    name, dtype, **sync
        As in :class:`Metric`.
    interval : float
        Seconds between readings, at least.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> streaming.GpuTemperature()([[61.0], [58.0]])
    {'0': 61.0, '1': 58.0}
    """

    unit = "°C"

    def _sense(self, nvml: Any, gpu: Any) -> list[float]:
        return [float(nvml.nvmlDeviceGetTemperature(gpu, nvml.NVML_TEMPERATURE_GPU))]


class CudaUse(_GpuSensor):
    """Use of every GPU of NVIDIA: utilisation and memory in percent, power in watts; NaN where there is none.

    Formula: mean of the readings of each GPU, under ``{GPU}_{number}``.
    Shapes: readings (GPUs, 3).
    Source: ``nvmlDeviceGetUtilizationRates``, ``nvmlDeviceGetMemoryInfo`` and ``nvmlDeviceGetPowerUsage`` of NVIDIA's
    management library; Burn's ``CudaMetric``.

    Parameters
    ----------
    name, dtype, **sync
        As in :class:`Metric`.
    interval : float
        Seconds between readings, at least.

    Examples
    --------
    >>> from labelmetrics import streaming
    >>> streaming.CudaUse()([[97, 40.5, 210]])
    {'0_utilisation': 97.0, '0_memory': 40.5, '0_power': 210.0}
    """

    KEYS = ("utilisation", "memory", "power")

    def _sense(self, nvml: Any, gpu: Any) -> list[float]:
        memory = nvml.nvmlDeviceGetMemoryInfo(gpu)
        return [
            float(nvml.nvmlDeviceGetUtilizationRates(gpu).gpu),
            100 * memory.used / memory.total,
            _sensed(f"{type(self).__name__}'s power", lambda: nvml.nvmlDeviceGetPowerUsage(gpu) / 1000, math.nan),
        ]
