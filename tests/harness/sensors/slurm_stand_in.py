"""Slurm's commands as they were seen to answer (22.05), told what to say by a folder: one file a fact.

``energy``: what sstat prints for the step, "elapsed" for 1 kJ a second since ``since``; ``delay_s``, ``exit``,
``stderr``: of sstat; ``step``: the only one that it knows. ``config`` and ``job``: of scontrol. ``asked`` counts
sstat's questions.
"""

SCRIPT = """#!{python} -S
import os, sys, time
folder, name = {folder!r}, os.path.basename(sys.argv[0])
def fact(key, default=""):
    try:
        with open(os.path.join(folder, key)) as file: return file.read()
    except OSError: return default
if name == "scontrol":
    sys.stdout.write(fact("config" if "config" in sys.argv else "job"))
    sys.exit(int(fact("scontrol_exit", "0")))
with open(os.path.join(folder, "asked"), "a") as file: file.write(".")
time.sleep(float(fact("delay_s", "0")))
sys.stderr.write(fact("stderr"))
step = next(word for word in sys.argv if word.startswith("--jobs=")).partition("=")[2]
energy = fact("energy")
if energy == "elapsed": energy = str(int(1000 * (time.time() - float(fact("since")))))
if fact("line", "yes") == "yes" and step.endswith(fact("step", "")): print(step + "|" + energy)
sys.exit(int(fact("exit", "0")))
"""
CONFIG = """Configuration data as of 2026-11-21T19:36:15
AccountingStorageTRES   = cpu,mem,energy,node,billing,fs/disk,vmem,pages
AcctGatherEnergyType    = acct_gather_energy/{plugin}
AcctGatherNodeFreq      = 0 sec
JobAcctGatherFrequency  = 30
JobAcctGatherType       = jobacct_gather/{gather}
{more}
Slurmctld(primary) at controller is UP
"""
JOB = (
    "JobId=4712 ArrayJobId=4711 ArrayTaskId=3 JobName=n NumNodes=1 OverSubscribe={share} Contiguous=0 Licenses=(null)\n"
)


class StandIn:
    """A folder of commands."""

    def __init__(self, folder, python):
        self.bin, self.facts = folder / "bin", folder / "facts"
        self.bin.mkdir(parents=True)
        self.facts.mkdir()
        for name in ("sstat", "scontrol"):
            (self.bin / name).write_text(SCRIPT.format(python=python, folder=str(self.facts)))
            (self.bin / name).chmod(0o755)
        self.cluster()
        self.says(energy="1000")

    @property
    def environment(self):
        """Of a task of an array."""
        return {
            "PATH": str(self.bin), "SLURM_JOB_ID": "4712", "SLURM_ARRAY_JOB_ID": "4711", "SLURM_ARRAY_TASK_ID": "3",
        }  # fmt: skip

    def cluster(self, plugin="pm_counters", gather="linux", share="NO", more=""):
        self.says(config=CONFIG.format(plugin=plugin, gather=gather, more=more), job=JOB.format(share=share))

    def says(self, **facts):
        for key, text in facts.items():
            aside = self.facts / f".{key}"
            aside.write_text(str(text))
            aside.replace(self.facts / key)

    @property
    def asked(self):
        file = self.facts / "asked"
        return len(file.read_text()) if file.exists() else 0
