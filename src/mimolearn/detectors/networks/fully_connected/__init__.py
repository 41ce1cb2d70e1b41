"""DetNet and the WeSNets: fully connected layers for one number of streams."""
