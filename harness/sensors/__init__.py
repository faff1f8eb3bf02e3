"""Sources of readings, one file each, hosted by the sampler. They import neither numpy nor pandas: small and quiet."""
