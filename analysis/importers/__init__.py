"""What others measured by hand -> a night folder that the report reads: one foreign format a file.

::

    energibridge, nvidia_smi, meter     a file a run -> Recordings, or a refusal: file, line, value, remedy
    codecarbon, table                   a row a run -> the same
    results, cut                        what a CSV says of the runs: metrics; begins and ends
    recording                           what an importer gives, and how names become configurations
    night                               Recordings -> the night's folder

What the files do not say is not made up: it is listed in plan.json under ``imported`` and stands in the report.
"""
