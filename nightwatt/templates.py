"""What ``nightwatt new`` writes: starts that run as they stand. ``@NAME@`` and the like are filled in there."""

from __future__ import annotations

PYTHON_WORKLOAD = '''\
"""@NAME@: what this workload does, in one sentence.

    python @NAME@.py --size 2 --seed 1

It runs by itself, too: marks.py (beside it) does nothing outside a night.
"""

import argparse
import random

import marks

EPOCHS = 3
POINTS = 12_000_000  # of an epoch at size 1: some two seconds, so that the whole window has room for slow sensors


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=1)  # a factor of the protocol: {size} in its command
    parser.add_argument("--seed", type=int, default=0)  # {seed} in its command
    options = parser.parse_args()

    # Everything that is not to be compared: imports, reading data, building a model.
    with marks.phase("setup"):
        random.seed(options.seed)

    # The window: `window = "train"` in the protocol. A workload on a GPU waits for the device (for example
    # torch.cuda.synchronize()) before the phase begins and before it ends: marks are read from the host's clock.
    with marks.phase("train"):
        for epoch in range(1, EPOCHS + 1):
            with marks.phase(f"epoch {epoch}") as metrics:
                # Replace this by your own work. Here: pi, by throwing darts.
                points = POINTS * options.size
                hits = sum(random.random() ** 2 + random.random() ** 2 <= 1 for _ in range(points))
                accuracy = 1 - abs(4 * hits / points - 3.141592653589793) / 3.141592653589793
                metrics["accuracy"] = accuracy

    # Results of the run, by any name; the report sets "accuracy" beside the energy.
    marks.result(accuracy=accuracy, points=points * EPOCHS)
    print(f"size {options.size}: accuracy {accuracy:.5f}")


if __name__ == "__main__":
    main()
'''

SHELL_WORKLOAD = """\
#!/bin/sh
# @NAME@: what this workload does, in one sentence.
#
#     sh @NAME@.sh SIZE SEED
#
# It runs by itself, too: outside a night no mark is left.
set -eu
size=${1:-1}  # a factor of the protocol: {size} in its command
seed=${2:-0}  # {seed} in its command

# The protocol sets NIGHTWATT_PYTHON, since `nightwatt` need not be on the PATH of a run.
mark() {
    [ -z "${NIGHTWATT_MARKS:-}" ] || "${NIGHTWATT_PYTHON:-python3}" -P -m nightwatt mark "$@"
}

# Everything that is not to be compared.
mark begin setup
loops=$((size * 6000000)) # some six seconds at size 1: a window has to hold 20 values of the slowest sensor
mark end setup

# The window: `window = "train"` in the protocol. Replace the loop by your own program.
mark begin train
i=0
while [ "$i" -lt "$loops" ]; do i=$((i + 1)); done
mark end train

# Results of the run, by any name.
mark result loops="$loops" seed="$seed"
echo "size $size: $loops loops"
"""

PROTOCOL = """\
# Try it:  nightwatt plan @NAME@.toml
#          nightwatt rehearse @NAME@.toml
#          nightwatt run @NAME@.toml
# Every key, with its unit and its default, is explained in the README of the shipped protocols.

title = "Does size 2 of @NAME@ use more energy than size 1?"

[workload]
@WORKLOAD@
timeout_s = 600
# The phase whose energy is compared; without this line the whole process. Let it last 20 values of the slowest sensor:
# 4 s for processors (200 ms; modelled, too), 20 s for a wall meter that is asked once a second, less for a card.
window = "@WINDOW@"
@ENVIRONMENT@
[factors] # what is varied on purpose; every combination is one configuration
size = [1, 2]

[design]
blocks = 6 # runs of each configuration; `nightwatt plan` says which effect so many can show
order = "blocks" # each block holds one run of every configuration, in random order
seed = 42 # of that order
workload_seed = "per-block" # {seed} is the same for all runs of a block

[warmup]
runs = 1 # one discarded run of each configuration, for caches and compilers
# command = ["{python}", "{workloads}/burn.py", "--device", "cpu", "--duration", "60"]
# duration_s = 60

[cooldown] # before every run, so that each starts from the same state; minutes rather than seconds in earnest
minimum_s = 1

# [baseline] # idle power, once a block: energy is then reported net of idle, too
# duration_s = 30

[sensors]
# Where nothing can be measured: power modelled from the CPU's load. Every number then says "modelled, not measured".
# Take this line out to be refused instead.
fallback = "load_model"

[sensors.nvml] # NVIDIA cards
[sensors.rapl] # Intel and AMD packages
[sensors.machine] # load, temperature, frequency and memory of the host

[analysis]
metric = "energy"
baseline = "1" # the configuration that the others are compared with
"""
