"""Things that continue a dialogue, each behind the same seam, and the choice of one of them."""
