"""What others measured by hand -> a night folder that the report reads: one foreign format a file.

::

    energibridge, codecarbon, table     files -> Recordings, or a refusal: file, line, value, remedy
    recording                           what an importer gives, and how names become configurations
    night                               Recordings -> the night's folder

What the files do not say is not made up: it is listed in plan.json under ``imported`` and stands in the report.
"""
