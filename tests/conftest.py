"""Every test sees the same world, wherever the suite was started: by a person, in the background, in a container."""

import os
import signal

# A background job of a shell, or nohup, ignores these, and every process started from it would.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

for _name in ("NIGHTWATT_MARKS", "PYTHONUNBUFFERED"):
    os.environ.pop(_name, None)
