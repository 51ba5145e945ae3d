"""Data for training, made by models or by rule, with the execution of every row."""
