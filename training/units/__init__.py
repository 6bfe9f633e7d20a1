"""Which units carry gender: ablation, selectivity, and what their gates do when the subject changes."""
