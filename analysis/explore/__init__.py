"""Figures that can be explored on the page: zoom, values under the pointer, configurations hidden and shown again.

::

    frames --explore_power, …--> Chart --as_json--> a data block of the page, beside the static figure
                                                     |
    plotly/plotly-cartesian.min.js + explore.js  ----+  inlined, allowed by their hashes alone

A chart is what plotly.js takes, made here: the script on the page only shows it. Colours and marks are those of the
static figures, which stand on the page as they are, for paper and for readers without scripts.
"""
