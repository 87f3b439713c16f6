"""Programs that train the same decoder on the same prompts, each as its users would write it."""
