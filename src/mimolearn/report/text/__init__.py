"""Tables, sentences and progress for a terminal; verdicts as Markdown."""
