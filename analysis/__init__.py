"""nightwatt's analysis: night folder -> answer. It knows nothing of hardware and can be rerun years later."""
