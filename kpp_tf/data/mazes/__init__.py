"""First-person walks through DeepMind Lab mazes, drawn without DeepMind Lab."""
