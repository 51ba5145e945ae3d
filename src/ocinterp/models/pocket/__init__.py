"""The built-in model: a small Llama in numpy, which needs no server, no key, no network and no torch."""
