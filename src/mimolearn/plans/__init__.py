"""Who competes, under which plan, and what is counted."""
