"""A stand-in for pynvml: cards of known power on a clock that the test moves; no hardware, no waiting.

The cards behave as read on an H200: a ring buffer of 119 rows, 20 ms apart, each the mean over the 20 ms before its
wall-clock stamp; a counter that ticks each 100 ms and costs 3 ms to read; failures on demand.
"""

from types import SimpleNamespace

from harness.sensors.clock import Moment

MS = 1_000_000
S = 1000 * MS
RING, RING_NS, TICK_NS, CALL_NS = 119, 20 * MS, 100 * MS, 3 * MS


class NVMLError(Exception):
    value = 999

    def __str__(self):
        return type(self).__name__.removeprefix("NVMLError_")


class NVMLError_NotFound(NVMLError): ...


class NVMLError_NotSupported(NVMLError): ...


class NVMLError_FunctionNotFound(NVMLError): ...


class NVMLError_GpuIsLost(NVMLError): ...


class NVMLError_LibraryNotFound(NVMLError): ...


class FakeClock:
    """Time that passes when it is told to, or when something sleeps; the wall clock can be stepped."""

    def __init__(self, start_ns=1000 * S, offset_ns=1_700_000_000 * S):
        self.t_ns = start_ns
        self.steps = [(0, offset_ns)]

    def now_ns(self):
        return self.t_ns

    def sleep(self, seconds):
        self.t_ns += round(seconds * 1e9)

    def moment(self):
        return Moment(self.t_ns, self.t_ns + self.offset_ns(self.t_ns), self.t_ns)

    def offset_ns(self, t_ns):
        return next(offset for since, offset in reversed(self.steps) if since <= t_ns)

    def step(self, by_s):
        """Set the wall clock from now on."""
        self.steps.append((self.t_ns, self.offset_ns(self.t_ns) + round(by_s * 1e9)))


class FakeCard:
    """One card; ``power_W`` is a function of CLOCK_MONOTONIC ns."""

    def __init__(
        self, clock, power_W=lambda _t_ns: 125.0, *, index=0, name="NVIDIA H200", tick_ns=37 * MS, ring_ns=7 * MS
    ):
        self.clock = clock
        self.power_W = power_W
        self.name = name
        self.uuid = f"GPU-{index:08x}-aaaa"
        self.tick_ns = tick_ns
        self.ring_ns = ring_ns
        self.tick_period_ns = TICK_NS
        self.epoch_ns = clock.t_ns - 10 * S
        self.reset_ns = None
        """From when the counter begins at 0 again."""
        self.fails = {}
        """What raises, by call or field (a number; with its scope where that is not the card): an exception."""
        self.stamps_made_anew = False
        """Whether the driver makes stamps when asked (by the clock of then), or stores them with the rows."""
        self.rowless_ns = (0, 0)
        """Between these the driver stored no rows: it, or the card, began anew."""
        self.pids = []
        self.counter_reads = 0
        self._known = {}

    def row_mW(self, stamp_ns):
        """The mean over the 20 ms before, from the middle of each."""
        return round(sum(self.power_W(stamp_ns - RING_NS + k * MS + MS // 2) for k in range(20)) * 1000 / 20)

    def energy_J(self, t_ns):
        """True energy since the epoch: a sum over milliseconds."""
        since = self.epoch_ns if self.reset_ns is None or t_ns < self.reset_ns else self.reset_ns
        whole_ns = t_ns - (t_ns - since) % MS
        known_ns, known_J = self._known.get(since, (since, 0.0))
        if whole_ns < known_ns:
            known_ns, known_J = since, 0.0
        energy_J = known_J + sum(self.power_W(at + MS // 2) for at in range(known_ns, whole_ns, MS)) / 1000
        self._known[since] = (whole_ns, energy_J)
        return energy_J + self.power_W(whole_ns + MS // 2) * (t_ns - whole_ns) / 1e9

    def counter_mJ(self):
        now_ns = self.clock.t_ns
        tick_ns = now_ns - (now_ns - self.tick_ns) % self.tick_period_ns
        return round(1000 * self.energy_J(tick_ns))


def union(value):
    return SimpleNamespace(uiVal=value, ullVal=value, siVal=value, dVal=float(value))


class FakeNvml:
    """What ``harness.sensors.nvml`` asks of pynvml."""

    NVMLError = NVMLError
    NVMLError_NotFound = NVMLError_NotFound
    NVMLError_NotSupported = NVMLError_NotSupported
    NVMLError_FunctionNotFound = NVMLError_FunctionNotFound
    NVML_TOTAL_POWER_SAMPLES = 0
    NVML_TEMPERATURE_GPU = 0
    NVML_CLOCK_SM = 1
    NVML_CLOCK_MEM = 2

    def __init__(self, *cards):
        self.cards = list(cards)
        self.init_error = None
        self.open = 0
        self.field_values = {
            82: 40,
            74: 5_000_000_000,
            75: 1_000,
            269: 1_000_000_000,
            270: 500_000_000,
            185: 120_000,
            186: 121_000,
        }

    def _may_fail(self, card, what):
        if error := card.fails.get(what) or card.fails.get("everything"):
            raise error

    def nvmlInit(self):
        if self.init_error:
            raise self.init_error
        self.open += 1

    def nvmlShutdown(self):
        self.open -= 1

    def nvmlSystemGetDriverVersion(self):
        return "580.159"

    def nvmlDeviceGetCount(self):
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index):
        return self.cards[index]

    def nvmlDeviceGetName(self, card):
        return card.name

    def nvmlDeviceGetUUID(self, card):
        return card.uuid.encode()

    def nvmlDeviceGetTotalEnergyConsumption(self, card):
        card.counter_reads += 1
        card.clock.t_ns += CALL_NS // 2
        self._may_fail(card, "counter")
        value = card.counter_mJ()
        card.clock.t_ns += CALL_NS // 2
        return value

    def nvmlDeviceGetSamples(self, card, kind, after_us):
        self._may_fail(card, "samples")
        clock = card.clock
        newest = clock.t_ns - (clock.t_ns - card.ring_ns) % RING_NS
        times = [newest - k * RING_NS for k in range(RING)][::-1]
        rows = []
        for t_ns in times:
            offset_ns = clock.offset_ns(clock.t_ns if card.stamps_made_anew else t_ns)
            stamp_us = (t_ns + offset_ns) // 1000
            if stamp_us > after_us and not card.rowless_ns[0] < t_ns < card.rowless_ns[1]:
                rows.append(SimpleNamespace(timeStamp=stamp_us, sampleValue=union(card.row_mW(t_ns))))
        if not rows:
            raise NVMLError_NotFound
        return 1, rows

    def nvmlDeviceGetFieldValues(self, card, numbers):
        self._may_fail(card, "fields")
        return [self._field(card, number) for number in numbers]

    def _field(self, card, asked):
        number, scope = asked if isinstance(asked, tuple) else (asked, 0)
        key = (number, scope) if scope else number
        value = self.field_values.get(key)
        told = value is not None and key not in card.fails
        return SimpleNamespace(
            fieldId=number,
            scopeId=scope,
            nvmlReturn=0 if told else 3,
            valueType=3,
            value=union((value(card) if callable(value) else value) if told else 0),
        )

    def nvmlDeviceGetPowerUsage(self, card):
        self._may_fail(card, "usage")
        return 122_000

    def nvmlDeviceGetTemperature(self, card, sensor):
        self._may_fail(card, "temperature")
        return 33

    def nvmlDeviceGetClockInfo(self, card, kind):
        self._may_fail(card, "clock")
        return {1: 1980, 2: 3201}[kind]

    def nvmlDeviceGetUtilizationRates(self, card):
        self._may_fail(card, "utilisation")
        return SimpleNamespace(gpu=97, memory=20)

    def nvmlDeviceGetMemoryInfo(self, card):
        self._may_fail(card, "memory")
        return SimpleNamespace(used=4_000_000_000)

    def nvmlDeviceGetEnforcedPowerLimit(self, card):
        self._may_fail(card, "limit")
        return 700_000

    def nvmlDeviceGetCurrentClocksEventReasons(self, card):
        self._may_fail(card, "reasons")
        return 4

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, card):
        return 8

    def nvmlDeviceGetComputeRunningProcesses(self, card):
        self._may_fail(card, "processes")
        return [SimpleNamespace(pid=pid) for pid in card.pids]

    def nvmlDeviceGetGraphicsRunningProcesses(self, card):
        return []
