"""Commands that show what the library has, needs and costs."""
