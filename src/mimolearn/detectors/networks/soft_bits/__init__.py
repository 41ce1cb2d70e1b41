"""Networks that correct or replace the soft bits of a classical detector."""
