"""The judge: says outside a candidate's process whether its answers are those of the reference."""
