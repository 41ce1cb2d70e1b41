"""Tree searches, maximum likelihood by enumeration, and local searches."""
