"""HTML pages, each one file that works offline. Imported only when one is written."""
