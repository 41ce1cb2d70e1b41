"""What was found: rates with intervals, crossings, comparisons. Nothing here runs anything."""
