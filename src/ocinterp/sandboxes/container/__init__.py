"""The `container` tier: each session in a container of podman's or Docker's, with a zygote of its own in it."""
