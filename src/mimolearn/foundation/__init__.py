"""What every other room builds on: errors, plain models, files, threads, small algebra."""
