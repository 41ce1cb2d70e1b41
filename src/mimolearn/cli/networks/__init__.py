"""Commands that train networks and export receivers."""
