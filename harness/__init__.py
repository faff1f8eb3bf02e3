"""nightwatt's harness: protocol file -> plan -> runs on disk.

Glossary
========
protocol       the question, and how the night goes (a TOML file)
factor         something that is varied on purpose; a **level** is one of its values
configuration  one combination of levels
block          one run of every configuration, in random order; block 0 holds the discarded warm-up runs
replicate      the how-manieth run of its configuration a slot is (equals the block where there are blocks)
slot           a place in the plan: block, position, configuration, seed
attempt        one execution of a slot
run            the record of an attempt (*run* is the noun; *execute* and *start* are the verbs)
run order      everything that one attempt needs to know, every placeholder filled in
course         what happened in one attempt, noted down while it goes on; its record is made of it
phase          a named stretch of a run (setup, train, epoch 3, evaluate)
mark           a line that a workload leaves in ``marks.jsonl``: a phase begins or ends, or a result
window         the phase whose energy is compared
instrument     a sidecar process that records during a run
sampler        our own instrument: it hosts the sensors
sensor         a source of readings inside the sampler
channel        one series of readings (name, unit, kind)
domain         what a channel covers (gpu0, package-0, dram-0, cpu, node, system, wall)
measured       read from a sensor; **modelled**: computed from something else (a rating, a load)
gate           decides before a run whether it may start
judge          looks at a finished run; its **verdict** says what is wrong with the run, if anything
settle         after the workload has gone: stop the instruments, seal the samples, write the record
seal           turn the samples' CSV into Parquet, checked row by row
keeper         the parent of the workload; it ends the whole process tree
night          one execution of a protocol, and the folder that holds it
session        what one nightwatt process executes of a night, from its start or resume to its end
shift          the hours in which a session is at work (starts_at, ends_at, stop_after_s)
cohort         the runs between two accepted changes of machine, software, workload or protocol; 1: none yet
engine         where the blocks of a night are executed: this machine, or the tasks of a cluster
node           one machine of a cluster; a **task** is what Slurm executes on it, here one block
claim          who executes a block of a night on a shared file system, or measures on a machine
leftover       a process of a nightwatt that is no more
rehearsal      a night of simulated sensors and fake workloads, its times shrunk by one factor
fault          what goes wrong in a run; a rehearsal can let each happen on purpose (`rehearse --fault`)
trial          some seconds of idle and of load, to see what the instruments are worth (`check --measure`)
"""
