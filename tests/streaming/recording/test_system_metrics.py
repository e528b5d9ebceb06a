"""Sensors of the machine: read now and then, NaN with one warning where they are missing, and every GPU."""

from __future__ import annotations

import math
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from labelmetrics import LabelmetricsWarning, streaming
from labelmetrics.streaming.recording import system_metrics

SENSORS = ["CpuUse", "CpuMemory", "CpuTemperature", "GpuTemperature", "CudaUse"]


@pytest.fixture(autouse=True)
def nothing_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_metrics, "_WARNED", set())


def recorded(metric: Any, steps: int = 1) -> dict[str, float]:
    with streaming.Recorder([metric], show="none") as recorder:
        for _ in range(steps):
            recorder.update("train")
    return {name: values[-1] for name, values in recorder.history.to_dict().items()}


def test_the_processor() -> None:
    pytest.importorskip("psutil")
    assert 0 <= recorded(streaming.CpuUse(interval=0), 3)["cpu_use"] <= 100
    assert recorded(streaming.CpuMemory(interval=0))["cpu_memory"] > 0


@pytest.mark.parametrize("name", SENSORS)
def test_a_missing_package_is_told_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psutil", None)
    monkeypatch.setitem(sys.modules, "pynvml", None)
    metric = getattr(streaming, name)(interval=0)
    with pytest.warns(
        LabelmetricsWarning, match=r"not known here, and is NaN: .*pip install 'labelmetrics\[system\]'"
    ) as w:
        found = recorded(metric, 3)
    assert len(w) == 1
    assert w[0].filename == __file__
    assert found
    assert all(map(math.isnan, found.values()))


def test_sensors_are_read_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([10.0, 10.5, 11.0, 11.9, 12.0])
    monkeypatch.setattr(system_metrics.time, "monotonic", lambda: next(now))
    monkeypatch.setattr(system_metrics.CpuUse, "_sense", lambda self: 50.0)
    metric = streaming.CpuUse()
    assert [metric.adapt(streaming.Step()) for _ in range(5)] == [(50.0,), None, (50.0,), None, (50.0,)]


def test_the_hottest_core(monkeypatch: pytest.MonkeyPatch) -> None:
    cores = {"nvme": [SimpleNamespace(current=90)], "coretemp": [SimpleNamespace(current=n) for n in (51.0, 60.0)]}
    monkeypatch.setattr(system_metrics, "_psutil", lambda: SimpleNamespace(sensors_temperatures=lambda: cores))
    assert recorded(streaming.CpuTemperature()) == {"cpu_temperature": 60.0}
    cores.pop("coretemp")
    with pytest.warns(LabelmetricsWarning, match="no sensor of the processor's temperature"):
        assert math.isnan(recorded(streaming.CpuTemperature())["cpu_temperature"])


def nvml(count: int) -> Any:
    """As NVIDIA's library with GPUs of which the second does not know its power."""

    def power(gpu: int) -> int:
        if gpu == 1:
            raise RuntimeError("Not Supported")
        return 210_000

    return SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: count,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetUtilizationRates=lambda gpu: SimpleNamespace(gpu=90 + gpu),
        nvmlDeviceGetMemoryInfo=lambda gpu: SimpleNamespace(used=2 + gpu, total=8),
        nvmlDeviceGetPowerUsage=power,
        nvmlDeviceGetTemperature=lambda gpu, sensor: 60 + gpu,
        NVML_TEMPERATURE_GPU=0,
    )


def test_every_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", nvml(2))
    assert recorded(streaming.GpuTemperature()) == {"gpu_temperature_0": 60.0, "gpu_temperature_1": 61.0}
    with pytest.warns(LabelmetricsWarning, match="CudaUse's power is not known here, and is NaN: Not Supported"):
        found = recorded(streaming.CudaUse(interval=0), 2)
    assert math.isnan(found.pop("cuda_use_1_power"))
    assert found == {
        "cuda_use_0_utilisation": 90.0,
        "cuda_use_0_memory": 25.0,
        "cuda_use_0_power": 210.0,
        "cuda_use_1_utilisation": 91.0,
        "cuda_use_1_memory": 37.5,
    }


def test_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", nvml(0))
    with pytest.warns(LabelmetricsWarning, match="no GPU of NVIDIA"):
        found = recorded(streaming.GpuTemperature())
    assert math.isnan(found["gpu_temperature_0"])
