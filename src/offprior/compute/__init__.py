"""How numbers are computed, whatever they mean: devices, threads, precision and randomness."""
